-- Card holders: where they live and how they spend. Small: on every node.
CREATE TABLE IF NOT EXISTS fraud.customers (
    customer_id BIGINT NOT NULL,
    x_location DOUBLE PRECISION NOT NULL,
    y_location DOUBLE PRECISION NOT NULL,
    mean_amount DOUBLE PRECISION NOT NULL,
    std_amount DOUBLE PRECISION NOT NULL,
    mean_nb_tx_per_day DOUBLE PRECISION NOT NULL
) DISTSTYLE ALL SORTKEY(customer_id);
