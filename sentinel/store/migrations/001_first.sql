-- Everything Sentinel remembers. What belongs to people is a keyed hash or sealed; see docs/privacy.md.
-- Times are microseconds since 1970 in UTC. Digests and links are SHA-256.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE positions (
    source TEXT NOT NULL,
    stream INTEGER NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (source, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
    number  INTEGER PRIMARY KEY,
    source  TEXT NOT NULL,
    stream  INTEGER NOT NULL,
    path    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    "start" INTEGER NOT NULL,
    "end"   INTEGER
) STRICT;

-- Window state is every base plus the deltas after it. A number of a delta is never used twice.
CREATE TABLE window_deltas (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE window_bases (
    shard  INTEGER PRIMARY KEY,
    as_of  INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE cases (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL,
    level       INTEGER NOT NULL,
    key_hash    INTEGER NOT NULL,
    detected_at INTEGER NOT NULL,
    historical  INTEGER NOT NULL,
    body        TEXT NOT NULL,
    owner       BLOB
) STRICT;

CREATE INDEX cases_by_state ON cases (state);
CREATE INDEX cases_by_key ON cases (key_hash);

CREATE TABLE findings (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    case_id  TEXT NOT NULL REFERENCES cases (id),
    rule     TEXT NOT NULL,
    level    INTEGER NOT NULL,
    fired_at INTEGER NOT NULL,
    value    ANY NOT NULL,
    subjects INTEGER,
    updates  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    sealed   BLOB
) STRICT;

CREATE INDEX findings_by_case ON findings (case_id);

CREATE TABLE subjects (
    "case" INTEGER NOT NULL REFERENCES cases (number),
    hash   INTEGER NOT NULL,
    PRIMARY KEY ("case", hash)
) STRICT, WITHOUT ROWID;

-- `sealed` is NULL where the record was gone, could not be sealed, or was shredded. `sealed_digest` outlives it.
CREATE TABLE evidence (
    number        INTEGER PRIMARY KEY,
    case_id       TEXT NOT NULL REFERENCES cases (id),
    finding_id    TEXT NOT NULL,
    source        TEXT NOT NULL,
    stream        INTEGER NOT NULL,
    path          TEXT NOT NULL,
    "offset"      INTEGER NOT NULL,
    length        INTEGER NOT NULL,
    sealed_digest BLOB NOT NULL,
    sealed        BLOB,
    UNIQUE (case_id, source, stream, "offset")
) STRICT;

CREATE TABLE outbox (
    number      INTEGER PRIMARY KEY,
    message_id  TEXT NOT NULL,
    case_id     TEXT NOT NULL,
    key         TEXT NOT NULL,
    channel     TEXT NOT NULL,
    body        BLOB NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'inflight', 'sent', 'never')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    interrupted INTEGER NOT NULL DEFAULT 0,
    owed_at     INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    sent_at     INTEGER,
    last_reason TEXT NOT NULL DEFAULT '',
    UNIQUE (case_id, key, channel),
    UNIQUE (message_id, channel)
) STRICT;

CREATE INDEX outbox_undelivered ON outbox (channel, case_id, number) WHERE state IN ('pending', 'inflight');

CREATE TABLE audit (
    number  INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    case_id TEXT,
    act     TEXT NOT NULL,
    who     BLOB NOT NULL,
    detail  BLOB NOT NULL,
    key     TEXT NOT NULL CHECK (key IN ('case', 'store', 'master'))
) STRICT;

CREATE INDEX audit_by_case ON audit (case_id);

-- One link for each audit entry and each piece of evidence, in the order they were committed.
CREATE TABLE chain (
    seq    INTEGER PRIMARY KEY,
    item   TEXT NOT NULL CHECK (item IN ('audit', 'evidence')),
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    link   BLOB NOT NULL
) STRICT;
