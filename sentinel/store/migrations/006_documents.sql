-- What a register is owed is read in the order it was owed, however much waits.
CREATE INDEX outbox_in_order ON outbox (channel, number) WHERE state = 'pending';
