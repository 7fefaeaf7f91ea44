-- The one place where labels are cut in time: the verdict last known at the end of the day before ${as_of}.
SELECT transaction_id, tx_date, is_fraud
FROM fraud.label_deliveries
WHERE known_at <= ${as_of} AND tx_date BETWEEN ${start} AND ${end}
QUALIFY ROW_NUMBER() OVER (PARTITION BY transaction_id ORDER BY known_at DESC, source) = 1
