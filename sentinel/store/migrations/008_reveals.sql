-- Who asked to be shown what a case holds of people, and who approved it; names and reasons are sealed.
CREATE TABLE reveals (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    case_id     TEXT NOT NULL REFERENCES cases (id),
    at          INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    approved_at INTEGER
) STRICT;
