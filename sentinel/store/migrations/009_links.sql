-- Links in messages by which somebody may act on a case: of each token only its hash. And what was acted upon (a link, a
-- signed request), which is good for nothing more.
CREATE TABLE links (
    digest     BLOB PRIMARY KEY,
    case_id    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    channel    TEXT NOT NULL,
    scope      TEXT NOT NULL CHECK (scope IN ('acknowledge', 'decide')),
    made_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE spent (
    digest BLOB PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- From now on the text of a message is kept only until it is sent.
UPDATE outbox SET body = x'' WHERE state = 'sent';
