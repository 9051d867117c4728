-- Messages whose bytes are damaged, and where they were before a repair moved them out
-- of the way. Mailbox and UID are 0 where they were in none.
CREATE TABLE damaged (
    message      INTEGER NOT NULL,
    mailbox      INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    flags        INTEGER NOT NULL,
    more         BLOB,
    internaldate INTEGER NOT NULL,
    zone         INTEGER NOT NULL,
    saved        INTEGER,
    at           INTEGER NOT NULL,  -- of the repair
    why          TEXT NOT NULL,
    PRIMARY KEY (message, mailbox, uid)
) WITHOUT ROWID;

PRAGMA user_version = 14;
