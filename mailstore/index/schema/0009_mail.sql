-- What undelete needs of a removal: by whom, how, and where a deleted mailbox was.

-- Sessions that have removed something that is still remembered.
CREATE TABLE remover (
    id      INTEGER PRIMARY KEY,
    session TEXT NOT NULL,     -- as it is logged
    since   INTEGER NOT NULL,  -- its start, in seconds since the epoch
    person  TEXT NOT NULL,
    address TEXT NOT NULL,
    client  TEXT NOT NULL,     -- what it said of itself
    last    INTEGER NOT NULL   -- its last removal
);
CREATE INDEX remover_session ON remover (session, since);

ALTER TABLE expunged ADD COLUMN how INTEGER;         -- NULL: an older program did it
ALTER TABLE expunged ADD COLUMN remover INTEGER;     -- NULL: not known
ALTER TABLE expunged ADD COLUMN to_mailbox INTEGER;  -- where it was moved
ALTER TABLE expunged ADD COLUMN to_uid INTEGER;
ALTER TABLE expunged ADD COLUMN restored INTEGER;    -- when; NULL: it was not

ALTER TABLE mailbox ADD COLUMN was TEXT;         -- the name of one that was deleted
ALTER TABLE mailbox ADD COLUMN gone_at INTEGER;  -- when that happened
ALTER TABLE mailbox ADD COLUMN remover INTEGER;
ALTER TABLE mailbox ADD COLUMN heir INTEGER;     -- what was made of it again

PRAGMA user_version = 9;
