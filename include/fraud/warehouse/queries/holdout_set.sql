-- What champion and challengers are compared on: the customers that no training run ever sees.
SELECT f.transaction_id, f.tx_date, t.tx_datetime, t.customer_id, l.is_fraud, ${features}
FROM fraud.${features_table} f
JOIN fraud.transactions t ON t.transaction_id = f.transaction_id AND t.tx_date = f.tx_date
JOIN (${known_labels}) l ON l.transaction_id = f.transaction_id
WHERE f.tx_date BETWEEN ${start} AND ${end}
  AND MOD(t.customer_id * 2654435761, 4294967296) < ${holdout_threshold}
ORDER BY f.transaction_id
