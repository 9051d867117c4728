-- The secrets by which URLs of a mailbox are signed (RFC 4467 §7).

CREATE TABLE url_key (
    mailbox INTEGER PRIMARY KEY,
    secret  BLOB NOT NULL
);

PRAGMA user_version = 6;
