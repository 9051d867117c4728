-- Flags and mod-sequences in rows of up to 512 messages by their UIDs, not in a row for
-- each: see mailstore/index/blocks.py. ``entry`` has what never changes of a message.
-- A program that knows only the older columns must not write here.

CREATE TABLE flag_block (
    mailbox INTEGER NOT NULL,
    block   INTEGER NOT NULL,  -- uid >> 9
    modseq  INTEGER NOT NULL,  -- the highest of its messages
    octets  BLOB NOT NULL,
    PRIMARY KEY (mailbox, block)
);
INSERT INTO flag_block (mailbox, block, modseq, octets)
    SELECT mailbox, uid >> 9, max(modseq), pack_flags(uid, flags, more, modseq)
    FROM entry GROUP BY mailbox, uid >> 9;

ALTER TABLE entry DROP COLUMN flags;
ALTER TABLE entry DROP COLUMN more;
ALTER TABLE entry DROP COLUMN modseq;

UPDATE about SET compat_version = 2;

PRAGMA user_version = 19;
