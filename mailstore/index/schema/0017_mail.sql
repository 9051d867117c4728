-- Removed messages as people see them in mailboxes that they can only read: see
-- mailstore/index/removed.py. Nothing is in here until somebody looks.

CREATE TABLE removed_mailbox (
    mailbox       INTEGER PRIMARY KEY,  -- that the messages were removed from
    name          TEXT NOT NULL,        -- under which it was shown last
    uidvalidity   INTEGER NOT NULL,
    uidnext       INTEGER NOT NULL,
    highestmodseq INTEGER NOT NULL
);

CREATE TABLE removed_entry (
    mailbox INTEGER NOT NULL,
    uid     INTEGER NOT NULL,
    removal INTEGER NOT NULL,  -- mod-sequence of the tombstone in ``expunged``
    was     INTEGER NOT NULL,  -- its UID
    modseq  INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE UNIQUE INDEX removed_entry_tombstone ON removed_entry (mailbox, removal, was);

PRAGMA user_version = 17;
