-- The score of every transaction, by the champion of its day.
CREATE TABLE IF NOT EXISTS fraud.predictions (
    transaction_id BIGINT NOT NULL,
    tx_date DATE NOT NULL,
    model_version INTEGER NOT NULL,
    score DOUBLE PRECISION NOT NULL
) DISTKEY(transaction_id) SORTKEY(tx_date);
