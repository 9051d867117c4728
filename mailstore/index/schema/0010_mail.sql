-- Annotations of messages (RFC 5257), by the UID: those of removed messages stay as
-- long as the tombstone. A table with a rowid: values may be large, and most questions
-- are answered by the key alone.

CREATE TABLE annotation (
    mailbox INTEGER NOT NULL,
    uid     INTEGER NOT NULL,
    owner   TEXT NOT NULL,     -- whose private one; empty: shared
    entry   TEXT NOT NULL,
    value   BLOB,              -- NULL: it was removed
    modseq  INTEGER NOT NULL,  -- of the change
    PRIMARY KEY (mailbox, uid, owner, entry)
);

PRAGMA user_version = 10;
