-- Copies that have an EMAILID of their own (RFC 8474), instead of their message's. Those
-- of removed messages stay as long as the tombstone.

CREATE TABLE emailid (
    mailbox INTEGER NOT NULL,
    uid     INTEGER NOT NULL,
    message INTEGER NOT NULL,
    number  INTEGER NOT NULL,  -- from the numbers of messages: none has it too
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE INDEX emailid_message ON emailid (message);
CREATE INDEX emailid_number ON emailid (number);

PRAGMA user_version = 16;
