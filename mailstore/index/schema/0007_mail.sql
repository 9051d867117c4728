-- Identifiers that outlive names and places (RFC 8474), and threads over all mailboxes.

-- Makes identifiers of this account's objects unlike those of any other account.
ALTER TABLE account ADD COLUMN token TEXT NOT NULL DEFAULT '';
UPDATE account SET token = lower(hex(randomblob(8)));

ALTER TABLE message ADD COLUMN thread INTEGER;  -- NULL: not linked yet
CREATE INDEX message_thread ON message (thread);

-- The thread of each Message-ID that a message has or refers to.
CREATE TABLE link (
    message_id INTEGER PRIMARY KEY,  -- its hash, 64 bits
    thread     INTEGER NOT NULL
);

PRAGMA user_version = 7;
