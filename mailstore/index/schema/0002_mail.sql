-- Facts of messages that are found at arrival, or when they are first asked for: those
-- that were stored before have none. Tombstones keep when a message was saved.
ALTER TABLE message ADD COLUMN preview BLOB;  -- wire-ready (RFC 8970)
ALTER TABLE message ADD COLUMN sha1 BLOB;     -- of all octets, in hexadecimal
ALTER TABLE expunged ADD COLUMN saved INTEGER;

PRAGMA user_version = 2;
