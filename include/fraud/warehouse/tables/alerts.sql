-- The day's most suspicious cards, as given to the investigators.
CREATE TABLE IF NOT EXISTS fraud.alerts (
    alert_date DATE NOT NULL,
    rank INTEGER NOT NULL,
    customer_id BIGINT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    transaction_id BIGINT NOT NULL,
    model_version INTEGER NOT NULL,
    reasons VARCHAR(512) NOT NULL
) DISTSTYLE ALL SORTKEY(alert_date);
