-- What stands beside an alert: the card's transactions of the ${history_days} days that end with the alert's day, with their
-- scores and the verdicts last known at the start of the day that known_labels names.
SELECT a.alert_date, a.rank, t.tx_datetime, t.tx_amount, p.score, CASE WHEN l.is_fraud THEN 1 WHEN NOT l.is_fraud THEN 0 END AS verdict
FROM fraud.alerts a
JOIN fraud.transactions t ON t.customer_id = a.customer_id
 AND t.tx_date BETWEEN DATEADD(day, 1 - ${history_days}, a.alert_date) AND a.alert_date
LEFT JOIN fraud.predictions p ON p.transaction_id = t.transaction_id AND p.tx_date = t.tx_date
LEFT JOIN (${known_labels}) l ON l.transaction_id = t.transaction_id
WHERE a.alert_date BETWEEN ${start} AND ${end}
ORDER BY a.alert_date, a.rank, t.transaction_id
