-- What SORT and THREAD compare, one narrow row for each message, made at its arrival.
-- Messages that were stored before have none: theirs is made of their header when
-- they are first sorted. Texts are as `mailstore.mime.sorting` gives them.
CREATE TABLE sortkey (
    message      INTEGER PRIMARY KEY,
    sent         INTEGER,              -- NULL: by INTERNALDATE
    reply        INTEGER NOT NULL,     -- the subject tells of a reply or forward
    message_id   INTEGER,              -- NULL: none that is valid
    subject      BLOB NOT NULL,        -- base subject
    from_        BLOB NOT NULL,
    to_          BLOB NOT NULL,
    cc           BLOB NOT NULL,
    display_from BLOB NOT NULL,
    display_to   BLOB NOT NULL,
    refs         BLOB NOT NULL         -- 64 bits each
);

PRAGMA user_version = 3;
