-- Actors and data subjects whose accesses are being erased from the files numbered up to `upto`: they count no more.
CREATE TABLE ledger_erasures (
    number INTEGER PRIMARY KEY,
    who    TEXT NOT NULL CHECK (who IN ('actor', 'subject')),
    hash   INTEGER NOT NULL,
    upto   INTEGER NOT NULL
) STRICT;
