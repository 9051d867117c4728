-- Who may do what to a mailbox (RFC 4314). No row of a mailbox: its owner alone.

CREATE TABLE acl (
    mailbox    INTEGER NOT NULL,
    identifier TEXT NOT NULL,  -- as `mailstore.rights` has it; a dash before it: taken
    rights     TEXT NOT NULL,  -- letters in their order
    PRIMARY KEY (mailbox, identifier)
) WITHOUT ROWID;

ALTER TABLE account ADD COLUMN acl_version INTEGER NOT NULL DEFAULT 0;  -- grows with
    -- every change of a list

-- Moves to another account's mailbox that were begun here. The other index holds the
-- token once the messages are there; then they go here.
CREATE TABLE leaving (
    token   TEXT PRIMARY KEY,
    target  TEXT NOT NULL,     -- account
    mailbox INTEGER NOT NULL,  -- of ours
    uids    TEXT NOT NULL,     -- ranges
    at      INTEGER NOT NULL
) WITHOUT ROWID;

-- Tokens of what came here from another account.
CREATE TABLE arrived (
    token TEXT PRIMARY KEY,
    at    INTEGER NOT NULL
) WITHOUT ROWID;

PRAGMA user_version = 13;
