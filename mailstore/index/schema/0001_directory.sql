-- Who may log in. One database for the whole store; mail is elsewhere.

CREATE TABLE about (
    compat_version INTEGER NOT NULL  -- programs that know less refuse
);
INSERT INTO about VALUES (1);

CREATE TABLE account (
    id       TEXT PRIMARY KEY,      -- random; also the name of its folder
    key      TEXT NOT NULL UNIQUE,  -- the name as it is looked up, without case
    name     TEXT NOT NULL,         -- the name as it was given
    password TEXT NOT NULL,         -- bcrypt
    created  INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

PRAGMA user_version = 1;
