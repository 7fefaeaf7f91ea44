-- What a candidate is trained on: label first, then the features, customers that are not held out.
SELECT CASE WHEN l.is_fraud THEN 1 ELSE 0 END AS label, ${features}
FROM fraud.${features_table} f
JOIN fraud.transactions t ON t.transaction_id = f.transaction_id AND t.tx_date = f.tx_date
JOIN (${known_labels}) l ON l.transaction_id = f.transaction_id
WHERE f.tx_date BETWEEN ${start} AND ${end}
  AND MOD(t.customer_id * 2654435761, 4294967296) >= ${holdout_threshold}
ORDER BY f.transaction_id
