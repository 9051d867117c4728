-- Whom owners may have given rights to some mailbox: a cache of their lists, so that
-- nobody else's index need be opened. It may name too many, never too few.

CREATE TABLE share (
    identifier TEXT NOT NULL,
    owner      TEXT NOT NULL,
    PRIMARY KEY (identifier, owner)
) WITHOUT ROWID;
CREATE INDEX share_owner ON share (owner);

PRAGMA user_version = 4;
