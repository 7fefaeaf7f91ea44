-- Every label as it was delivered; fraud.labels keeps one a transaction and verdict.
-- Joined to transactions, features and predictions by transaction, so all four spread by it or by the card.
CREATE TABLE IF NOT EXISTS fraud.label_deliveries (
    transaction_id BIGINT NOT NULL,
    tx_date DATE NOT NULL,
    is_fraud BOOLEAN NOT NULL,
    known_at TIMESTAMP NOT NULL,
    source VARCHAR(16) NOT NULL
) DISTKEY(transaction_id) SORTKEY(tx_date);
