-- Removals are remembered behind the purge of their tombstones, as ranges of UIDs.

CREATE TABLE vanished (
    mailbox INTEGER NOT NULL,
    modseq  INTEGER NOT NULL,  -- of the removal
    low     INTEGER NOT NULL,
    high    INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, low)
) WITHOUT ROWID;

ALTER TABLE mailbox ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;  -- the highest
    -- mod-sequence of a removal that no table knows any more

-- What was purged before this table was there is forgotten.
UPDATE mailbox SET forgotten = highestmodseq
    WHERE (SELECT purged_at FROM account) > 0;

PRAGMA user_version = 4;
