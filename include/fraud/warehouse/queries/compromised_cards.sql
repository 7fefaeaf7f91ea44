-- Cards that are not alerted on a day: a fraud label of theirs became known in the ${compromised_days} days up to its end.
SELECT known.alert_date, t.customer_id
FROM (
    SELECT d.alert_date, l.transaction_id, l.tx_date, l.is_fraud, l.known_at
    FROM fraud.label_deliveries l
    JOIN (SELECT DISTINCT tx_date AS alert_date FROM fraud.transactions WHERE tx_date BETWEEN ${start} AND ${end}) d
      ON l.known_at <= DATEADD(day, 1, d.alert_date)
     AND l.known_at > DATEADD(day, 1 - ${compromised_days}, d.alert_date)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY d.alert_date, l.transaction_id ORDER BY l.known_at DESC, l.source) = 1
) known
JOIN fraud.transactions t ON t.transaction_id = known.transaction_id AND t.tx_date = known.tx_date
WHERE known.is_fraud
GROUP BY known.alert_date, t.customer_id
ORDER BY known.alert_date, t.customer_id
