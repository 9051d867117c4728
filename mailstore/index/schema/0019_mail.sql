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
    SELECT mailbox, uid >> 9,
        max(iif(typeof(modseq) = 'integer' AND modseq > 0, modseq, 0)),
        pack_flags(uid, flags, more, modseq)
    FROM entry GROUP BY mailbox, uid >> 9;

ALTER TABLE entry DROP COLUMN flags;
ALTER TABLE entry DROP COLUMN more;
ALTER TABLE entry DROP COLUMN modseq;

-- What ``entry`` has, 512 messages in a row, for who opens a mailbox first: see
-- mailstore/index/seals.py.
CREATE TABLE sealed (
    mailbox  INTEGER NOT NULL,
    block    INTEGER NOT NULL,  -- uid >> 9; no UID of it is still to be given
    messages INTEGER NOT NULL,
    octets   BLOB NOT NULL,
    PRIMARY KEY (mailbox, block)
);
INSERT INTO sealed (mailbox, block, messages, octets)
    SELECT e.mailbox, e.uid >> 9, count(*),
        pack_entries(e.uid, e.size, e.internaldate, e.zone, e.message)
    FROM entry e JOIN mailbox m ON m.id = e.mailbox
    WHERE e.uid >> 9 < m.uidnext >> 9 GROUP BY e.mailbox, e.uid >> 9;

UPDATE about SET compat_version = 2;

PRAGMA user_version = 19;
