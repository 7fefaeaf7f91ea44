-- The transactions of one card, for the list of what is erased.
SELECT transaction_id
FROM fraud.transactions
WHERE customer_id = ${card}
ORDER BY transaction_id
