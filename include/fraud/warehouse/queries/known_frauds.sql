-- The frauds of each day that are known by now: transactions, cards, and what they amount to.
SELECT t.tx_date, COUNT(*) AS frauds, COUNT(DISTINCT t.customer_id) AS cards, SUM(t.tx_amount) AS amount
FROM fraud.transactions t
JOIN (${known_labels}) l ON l.transaction_id = t.transaction_id
WHERE l.is_fraud AND t.tx_date BETWEEN ${start} AND ${end}
GROUP BY t.tx_date
ORDER BY t.tx_date
