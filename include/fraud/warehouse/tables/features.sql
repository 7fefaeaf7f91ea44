-- The features of every transaction, as computed when it was scored: a table a version, its columns the catalogue's.
CREATE TABLE IF NOT EXISTS fraud.${table} (
    ${columns}
) DISTKEY(transaction_id) SORTKEY(tx_date);
