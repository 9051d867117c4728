-- Annotations of mailboxes (RFC 5464).

CREATE TABLE metadata (
    mailbox INTEGER NOT NULL,
    owner   TEXT NOT NULL,     -- whose private entry; empty: shared
    entry   TEXT NOT NULL,     -- in lower case
    name    TEXT NOT NULL,     -- as it was written
    value   BLOB,              -- NULL: it was removed
    version INTEGER NOT NULL,  -- of the change, ascending
    changed INTEGER NOT NULL,  -- when, in seconds since the epoch
    PRIMARY KEY (mailbox, owner, entry)
);
CREATE INDEX metadata_version ON metadata (version);

PRAGMA user_version = 5;
