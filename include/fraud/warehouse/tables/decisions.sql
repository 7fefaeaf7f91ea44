-- What was decided each day about drift, and why.
CREATE TABLE IF NOT EXISTS fraud.decisions (
    decision_date DATE NOT NULL,
    model_version INTEGER NOT NULL,
    action VARCHAR(16) NOT NULL,
    alarm VARCHAR(16) NOT NULL,
    signals VARCHAR(1024) NOT NULL,
    notices VARCHAR(1024) NOT NULL,
    reason VARCHAR(1024) NOT NULL,
    due_date VARCHAR(10) NOT NULL,
    run_id VARCHAR(250) NOT NULL
) DISTSTYLE ALL SORTKEY(decision_date);
