-- The octets of annotations of each mailbox's messages, and limits for them (RFC 9208
-- §5.4). Those of removed messages don't count.

ALTER TABLE mailbox ADD COLUMN annotations INTEGER NOT NULL DEFAULT 0;
UPDATE mailbox SET annotations = coalesce(
    (SELECT sum(length(a.value)) FROM annotation a
        JOIN entry e ON e.mailbox = a.mailbox AND e.uid = a.uid
        WHERE a.mailbox = mailbox.id), 0);

ALTER TABLE quota ADD COLUMN annotation_storage INTEGER;  -- units of 1024 octets

PRAGMA user_version = 18;
