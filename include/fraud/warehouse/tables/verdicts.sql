-- What each training run decided, with the numbers it rests on.
CREATE TABLE IF NOT EXISTS fraud.verdicts (
    run_id VARCHAR(250) NOT NULL,
    as_of DATE NOT NULL,
    kind VARCHAR(16) NOT NULL,
    candidate VARCHAR(64) NOT NULL,
    model_version INTEGER NOT NULL,
    promoted BOOLEAN NOT NULL,
    effective_from DATE NOT NULL,
    auc_roc DOUBLE PRECISION NOT NULL,
    average_precision DOUBLE PRECISION NOT NULL,
    card_precision DOUBLE PRECISION NOT NULL,
    reason VARCHAR(1024) NOT NULL
) DISTSTYLE ALL SORTKEY(as_of);
