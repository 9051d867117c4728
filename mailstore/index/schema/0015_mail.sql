-- Flags that each person has for himself in a mailbox of somebody else, as \Seen. One
-- row holds up to 512 messages: see mailstore/index/private.py.

CREATE TABLE private_flags (
    mailbox INTEGER NOT NULL,
    person  TEXT NOT NULL,     -- the account
    chunk   INTEGER NOT NULL,  -- uid >> 9
    seen    INTEGER NOT NULL,  -- messages of it with \Seen
    modseq  INTEGER NOT NULL,  -- the highest of its messages
    marks   BLOB NOT NULL,
    PRIMARY KEY (mailbox, person, chunk)
);

ALTER TABLE mailbox ADD COLUMN private INTEGER NOT NULL DEFAULT 0;  -- 1: it has some

PRAGMA user_version = 15;
