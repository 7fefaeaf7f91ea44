-- One row a transaction at its earliest known time; only a correction, another verdict, adds one.
-- A view, so that deliveries may be loaded in any order and again.
CREATE OR REPLACE VIEW fraud.labels AS
SELECT transaction_id, tx_date, is_fraud, known_at, source
FROM fraud.label_deliveries d
QUALIFY ROW_NUMBER() OVER (PARTITION BY transaction_id, is_fraud ORDER BY known_at, source) = 1;
