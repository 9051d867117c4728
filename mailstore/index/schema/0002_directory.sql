-- More ways to prove who one is, and names that lead to accounts.

ALTER TABLE about ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;  -- grows with
    -- every change that may end a proof; notes of use leave it alone
ALTER TABLE about ADD COLUMN secret BLOB;  -- for the salts of people who don't exist
UPDATE about SET secret = randomblob(32);

ALTER TABLE account ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;  -- may act for others
ALTER TABLE account ADD COLUMN recoverable BLOB;  -- the password itself, where an
    -- administrator wanted that (CRAM-MD5 and APOP cannot do without)

-- One salt and count of a person for all his secrets: the server names them before it
-- knows which of the secrets the client will prove (RFC 5802 §3).
CREATE TABLE scram_salt (
    account    TEXT NOT NULL,
    hash       TEXT NOT NULL,        -- SHA-1 or SHA-256
    salt       BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    PRIMARY KEY (account, hash)
) WITHOUT ROWID;

CREATE TABLE scram_key (
    account    TEXT NOT NULL,
    hash       TEXT NOT NULL,
    credential INTEGER NOT NULL,     -- 0: the password; else app_password.id
    stored     BLOB NOT NULL,
    server     BLOB NOT NULL,
    PRIMARY KEY (account, hash, credential)
) WITHOUT ROWID;

CREATE TABLE app_password (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    account   TEXT NOT NULL,
    name      TEXT NOT NULL,
    digest    BLOB NOT NULL,
    protocols TEXT NOT NULL,         -- separated by spaces; empty: all
    readonly  INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER,               -- NULL: never
    used      INTEGER,               -- last, NULL: never
    address   TEXT,                  -- where from
    UNIQUE (account, name)
);

CREATE TABLE domain (
    key    TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    target TEXT                      -- key of the domain that it stands for
) WITHOUT ROWID;

CREATE TABLE alias (
    key     TEXT NOT NULL,           -- the address as it is looked up
    name    TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (key, account)
) WITHOUT ROWID;

CREATE TABLE person_group (
    key  TEXT PRIMARY KEY,
    name TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE membership (
    person_group TEXT NOT NULL,      -- key
    account      TEXT NOT NULL,
    source       TEXT NOT NULL,      -- empty: an administrator; else who told
    PRIMARY KEY (person_group, account)
) WITHOUT ROWID;

PRAGMA user_version = 2;
