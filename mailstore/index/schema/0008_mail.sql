-- Messages with UTF-8 in their headers, as clients see them that read ASCII alone
-- (RFC 6858). Few messages have a row; those that were stored before have none, and
-- such clients see them as they came.
CREATE TABLE surrogate (
    message       INTEGER PRIMARY KEY,
    size          INTEGER NOT NULL,
    envelope      BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    header        BLOB NOT NULL,
    parts         BLOB NOT NULL,
    edits         BLOB NOT NULL  -- what is to be changed in the message
);

PRAGMA user_version = 8;
