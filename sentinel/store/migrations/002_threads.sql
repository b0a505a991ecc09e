-- What the service of a channel calls a message it took, so that later messages of the case can be put under it.
ALTER TABLE outbox ADD COLUMN reference TEXT NOT NULL DEFAULT '';
