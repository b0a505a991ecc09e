-- Every access to personal data for a time: actors and subjects as keyed hashes. What was committed lately stands in
-- `ledger_tail`, a row a commit; the rest in files of the folder `ledger`, listed in `ledger_segments`. A file that is
-- not listed does not count, so that an access is in the ledger once, whenever a process ends.
CREATE TABLE ledger_kinds (
    number INTEGER PRIMARY KEY,
    system TEXT NOT NULL,
    action TEXT NOT NULL,
    data   TEXT NOT NULL,
    UNIQUE (system, action, data)
) STRICT;

CREATE TABLE ledger_tail (
    number   INTEGER PRIMARY KEY,
    accesses INTEGER NOT NULL,
    "from"   INTEGER NOT NULL,
    "to"     INTEGER NOT NULL,
    kinds    TEXT NOT NULL,
    columns  BLOB NOT NULL
) STRICT;

CREATE TABLE ledger_segments (
    number   INTEGER PRIMARY KEY,
    file     TEXT NOT NULL UNIQUE,
    accesses INTEGER NOT NULL,
    "from"   INTEGER NOT NULL,
    "to"     INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger_actors (
    hash      INTEGER PRIMARY KEY,
    pseudonym TEXT NOT NULL,
    name      BLOB NOT NULL
) STRICT;
