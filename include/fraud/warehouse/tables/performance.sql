-- How good the champion's scores turned out, by the labels known at the end of the report day.
CREATE TABLE IF NOT EXISTS fraud.performance (
    report_date DATE NOT NULL,
    model_version INTEGER NOT NULL,
    time_window VARCHAR(8) NOT NULL,
    first_tx_date DATE NOT NULL,
    last_tx_date DATE NOT NULL,
    transactions BIGINT NOT NULL,
    frauds BIGINT NOT NULL,
    average_precision DOUBLE PRECISION NOT NULL,
    auc_roc DOUBLE PRECISION NOT NULL,
    card_precision DOUBLE PRECISION NOT NULL,
    precision_at_budget DOUBLE PRECISION NOT NULL,
    baseline_average_precision DOUBLE PRECISION NOT NULL
) DISTSTYLE ALL SORTKEY(report_date);
