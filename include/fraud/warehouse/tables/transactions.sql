-- Card payments as delivered, one row a transaction.
-- DISTKEY customer_id: alerts, compromised cards and the customer split join and group by the card.
-- SORTKEY tx_date: every load, unload and report touches a range of days.
CREATE TABLE IF NOT EXISTS fraud.transactions (
    transaction_id BIGINT NOT NULL,
    tx_date DATE NOT NULL,
    tx_datetime TIMESTAMP NOT NULL,
    customer_id BIGINT NOT NULL,
    terminal_id BIGINT NOT NULL,
    tx_amount DECIMAL(12,2) NOT NULL
) DISTKEY(customer_id) SORTKEY(tx_date);
