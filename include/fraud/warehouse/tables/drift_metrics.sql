-- How far each day was from its champion's reference, a row a metric; metrics without evidence have none.
CREATE TABLE IF NOT EXISTS fraud.drift_metrics (
    report_date DATE NOT NULL,
    model_version INTEGER NOT NULL,
    metric VARCHAR(64) NOT NULL,
    method VARCHAR(16) NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    crossed BOOLEAN NOT NULL,
    role VARCHAR(8) NOT NULL,
    current_rows BIGINT NOT NULL,
    reference_rows BIGINT NOT NULL
) DISTSTYLE ALL SORTKEY(report_date);
