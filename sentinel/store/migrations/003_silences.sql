-- News that nobody wants to hear until a moment; who wants it so, why, and of which cases is sealed.
CREATE TABLE silences (
    number INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    until  INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
