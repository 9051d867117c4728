-- The index of one account. Every key starts with what would be the account in a
-- database that holds several. Portable on purpose: no triggers, no partial indexes.

CREATE TABLE about (
    compat_version INTEGER NOT NULL  -- programs that know less refuse
);
INSERT INTO about VALUES (1);

CREATE TABLE account (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    last_mailbox     INTEGER NOT NULL DEFAULT 0,  -- ids are never given twice
    last_message     INTEGER NOT NULL DEFAULT 0,
    last_uidvalidity INTEGER NOT NULL DEFAULT 0,
    names_version    INTEGER NOT NULL DEFAULT 0,  -- grows when LIST would change
    synced           INTEGER NOT NULL DEFAULT 0,
    purged_at        INTEGER NOT NULL DEFAULT 0
);
INSERT INTO account (id) VALUES (1);

-- Writers whose last commits may not be synced yet, and the boot they ran in.
CREATE TABLE loose (
    owner TEXT PRIMARY KEY,
    boot  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE mailbox (
    id            INTEGER PRIMARY KEY,
    name          TEXT UNIQUE,                    -- NULL: deleted, its purge is pending
    selectable    INTEGER NOT NULL,
    special_use   TEXT,
    uidvalidity   INTEGER NOT NULL,
    uidnext       INTEGER NOT NULL DEFAULT 1,
    highestmodseq INTEGER NOT NULL DEFAULT 1,
    messages      INTEGER NOT NULL DEFAULT 0,
    unseen        INTEGER NOT NULL DEFAULT 0,
    deleted       INTEGER NOT NULL DEFAULT 0,
    bytes         INTEGER NOT NULL DEFAULT 0,
    recent_from   INTEGER NOT NULL DEFAULT 1      -- first UID no session claimed
);

CREATE TABLE subscription (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE keyword (
    mailbox INTEGER NOT NULL,
    bit     INTEGER NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (mailbox, bit)
) WITHOUT ROWID;

-- Narrow: everything a row of FETCH needs, and nothing else. ``flags``: bits 0-6
-- system flags, 7-63 the first 57 keywords; ``more``: the others, little endian.
CREATE TABLE entry (
    mailbox      INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    message      INTEGER NOT NULL,
    flags        INTEGER NOT NULL,
    more         BLOB,
    modseq       INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    internaldate INTEGER NOT NULL,
    zone         INTEGER NOT NULL,
    saved        INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;

-- Tombstones, in the order in which sessions ask for them.
CREATE TABLE expunged (
    mailbox      INTEGER NOT NULL,
    modseq       INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    message      INTEGER NOT NULL,
    flags        INTEGER NOT NULL,
    more         BLOB,
    size         INTEGER NOT NULL,
    internaldate INTEGER NOT NULL,
    zone         INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
) WITHOUT ROWID;

-- Shared by all copies. Wide rows have a rowid: scans of the ids stay cheap.
CREATE TABLE message (
    id            INTEGER PRIMARY KEY,
    blob          TEXT NOT NULL,
    size          INTEGER NOT NULL,
    digest        BLOB NOT NULL,
    sent          INTEGER,
    sent_zone     INTEGER NOT NULL,
    message_id    BLOB,
    envelope      BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    header        BLOB NOT NULL,
    parts         BLOB NOT NULL
);
CREATE INDEX message_blob ON message (blob);  -- compaction finds rows by it

PRAGMA user_version = 1;
