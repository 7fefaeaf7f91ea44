-- What labelled performance is measured on: for every report day the transactions of the trailing ${trailing_days} days
-- whose label delay has passed, with the verdict last known at the end of the report day. Score and version are null
-- where a transaction was not scored: the report counts those.
SELECT known.report_date, t.transaction_id, t.tx_date, t.customer_id, t.tx_amount, p.score, p.model_version, known.is_fraud
FROM (
    SELECT d.report_date, l.transaction_id, l.is_fraud
    FROM fraud.label_deliveries l
    JOIN (SELECT DISTINCT tx_date AS report_date FROM fraud.predictions WHERE tx_date BETWEEN ${start} AND ${end}) d
      ON l.known_at <= DATEADD(day, 1, d.report_date)
     AND l.tx_date <= DATEADD(day, 0 - ${label_delay_days}, d.report_date)
     AND l.tx_date > DATEADD(day, 0 - ${label_delay_days} - ${trailing_days}, d.report_date)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY d.report_date, l.transaction_id ORDER BY l.known_at DESC, l.source) = 1
) known
JOIN fraud.transactions t ON t.transaction_id = known.transaction_id
LEFT JOIN fraud.predictions p ON p.transaction_id = t.transaction_id AND p.tx_date = t.tx_date
ORDER BY known.report_date, t.transaction_id
