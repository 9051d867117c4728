-- What deliveries remember, so that no message comes twice: keys are hashes. The
-- newest rows alone are kept.

CREATE TABLE delivered (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    key  BLOB NOT NULL UNIQUE,
    at   INTEGER NOT NULL        -- seconds since the epoch
);

PRAGMA user_version = 12;
