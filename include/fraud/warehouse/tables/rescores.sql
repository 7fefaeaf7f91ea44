-- What another model version says about days that the champion of the day has scored: compared, never acted on.
CREATE TABLE IF NOT EXISTS fraud.rescores (
    transaction_id BIGINT NOT NULL,
    tx_date DATE NOT NULL,
    model_version INTEGER NOT NULL,
    score DOUBLE PRECISION NOT NULL
) DISTKEY(transaction_id) COMPOUND SORTKEY(model_version, tx_date);
