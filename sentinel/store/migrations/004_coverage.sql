-- What was read of each source on each day (days since 1970 in UTC), and from when to when a daemon watched.
-- Counts alone, and nothing of people: what a report rests on that says that nothing happened.
CREATE TABLE coverage (
    day        INTEGER NOT NULL,
    source     TEXT NOT NULL,
    lines      INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    accesses   INTEGER NOT NULL,
    unparsed   INTEGER NOT NULL,
    late       INTEGER NOT NULL,
    gaps       INTEGER NOT NULL,
    lost_bytes INTEGER NOT NULL,
    PRIMARY KEY (day, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE watches (
    begun_at INTEGER PRIMARY KEY,
    seen_at  INTEGER NOT NULL
) STRICT;
