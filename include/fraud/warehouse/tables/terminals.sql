-- Where cards are used. Small: on every node.
CREATE TABLE IF NOT EXISTS fraud.terminals (
    terminal_id BIGINT NOT NULL,
    x_location DOUBLE PRECISION NOT NULL,
    y_location DOUBLE PRECISION NOT NULL
) DISTSTYLE ALL SORTKEY(terminal_id);
