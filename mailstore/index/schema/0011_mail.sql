-- Limits of an account, and of parts of it (RFC 9208). What is used is summed up from
-- the counters of the mailboxes: nothing that could differ from them is kept.

CREATE TABLE quota (
    top     TEXT PRIMARY KEY,  -- names at and below it; empty: all of the account
    storage INTEGER,           -- units of 1024 octets; NULL: no limit
    message INTEGER,
    mailbox INTEGER
) WITHOUT ROWID;

PRAGMA user_version = 11;
