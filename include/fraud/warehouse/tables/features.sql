-- The handbook's features of every transaction (fraud.features.catalogue, version v1), as computed when it was scored.
CREATE TABLE IF NOT EXISTS fraud.features (
    transaction_id BIGINT NOT NULL,
    tx_date DATE NOT NULL,
    tx_amount DOUBLE PRECISION NOT NULL,
    tx_during_weekend DOUBLE PRECISION NOT NULL,
    tx_during_night DOUBLE PRECISION NOT NULL,
    customer_id_nb_tx_1day_window DOUBLE PRECISION NOT NULL,
    customer_id_avg_amount_1day_window DOUBLE PRECISION NOT NULL,
    customer_id_nb_tx_7day_window DOUBLE PRECISION NOT NULL,
    customer_id_avg_amount_7day_window DOUBLE PRECISION NOT NULL,
    customer_id_nb_tx_30day_window DOUBLE PRECISION NOT NULL,
    customer_id_avg_amount_30day_window DOUBLE PRECISION NOT NULL,
    terminal_id_nb_tx_1day_window DOUBLE PRECISION NOT NULL,
    terminal_id_risk_1day_window DOUBLE PRECISION NOT NULL,
    terminal_id_nb_tx_7day_window DOUBLE PRECISION NOT NULL,
    terminal_id_risk_7day_window DOUBLE PRECISION NOT NULL,
    terminal_id_nb_tx_30day_window DOUBLE PRECISION NOT NULL,
    terminal_id_risk_30day_window DOUBLE PRECISION NOT NULL
) DISTKEY(transaction_id) SORTKEY(tx_date);
