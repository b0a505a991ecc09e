-- The records around a case's findings: from when to when (event time) they are looked for, and when next; how far each
-- source was looked through; and the records themselves, many to a row, under the case's own key.
CREATE TABLE collections (
    case_id TEXT PRIMARY KEY REFERENCES cases (id),
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    due_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX collections_due ON collections (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE collected_sources (
    case_id TEXT NOT NULL REFERENCES cases (id),
    source  TEXT NOT NULL,
    traces  INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    records INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    cut     TEXT NOT NULL CHECK (cut IN ('', 'records', 'bytes', 'time')),
    unread  TEXT NOT NULL,
    PRIMARY KEY (case_id, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE collected (
    number        INTEGER PRIMARY KEY,
    case_id       TEXT NOT NULL REFERENCES cases (id),
    sequence      INTEGER NOT NULL,
    source        TEXT NOT NULL,
    records       INTEGER NOT NULL,
    sealed_digest BLOB NOT NULL,
    sealed        BLOB,
    UNIQUE (case_id, sequence)
) STRICT;

-- The chain takes further kinds of items.
CREATE TABLE new_chain (
    seq    INTEGER PRIMARY KEY,
    item   TEXT NOT NULL CHECK (item IN ('audit', 'evidence', 'collected', 'case')),
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    link   BLOB NOT NULL
) STRICT;

INSERT INTO new_chain SELECT * FROM chain;
DROP TABLE chain;
ALTER TABLE new_chain RENAME TO chain;
