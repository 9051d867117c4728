"""Statements that damage the index of `tests.mailstore.test_repair`, one each."""

from __future__ import annotations

STRAY = (
    "INSERT INTO sortkey SELECT 99, sent, reply, message_id, subject, from_, to_, cc,"
    " display_from, display_to, refs FROM sortkey WHERE message = 1"
)
SHOWN = (
    "INSERT INTO removed_mailbox SELECT id, 'INBOX', uidvalidity, 1, 1 FROM mailbox"
    " WHERE name = 'INBOX'"
)
TOMBSTONE = (
    "INSERT INTO expunged (mailbox, modseq, uid, message, flags, more, size,"
    " internaldate, zone, at, saved) SELECT mailbox, 1, uid, message, 0, NULL, size,"
    " internaldate, zone, 0, saved FROM entry WHERE uid = 1"
)


ROWS = [
    "UPDATE mailbox SET messages = 9, unseen = 7 WHERE name = 'INBOX'",
    "UPDATE mailbox SET deleted = 0, bytes = 1",
    "UPDATE mailbox SET uidnext = 2 WHERE name = 'INBOX'",
    "UPDATE mailbox SET highestmodseq = 1",
    "UPDATE mailbox SET uidvalidity = 5",
    "UPDATE account SET last_mailbox = 1, last_message = 1, last_uidvalidity = 0",
    "UPDATE entry SET size = 1 WHERE uid = 3",
    "UPDATE entry SET size = 'x' WHERE uid = 3",
    "UPDATE entry SET zone = 99999 WHERE uid = 3",
    "UPDATE entry SET zone = 'x' WHERE uid = 3",
    "UPDATE entry SET internaldate = 1e300 WHERE uid = 3",
    "UPDATE entry SET internaldate = 'x' WHERE uid = 3",
    (
        "UPDATE entry SET internaldate = -9e15 WHERE uid = 3;"
        "UPDATE message SET sent = 'x', sent_zone = 9999"
    ),
    "UPDATE entry SET saved = 'x' WHERE uid = 3",
    "UPDATE entry SET uid = 'x' WHERE uid = 3",
    "UPDATE entry SET uid = 4294967295 WHERE uid = 3",
    "UPDATE entry SET uid = -7 WHERE uid = 3",
    "UPDATE entry SET mailbox = 'x' WHERE uid = 3",
    "UPDATE entry SET mailbox = -1 WHERE uid = 3",
    "UPDATE message SET size = 3 WHERE id = 1",
    "UPDATE message SET size = 'x' WHERE id = 1",
    "UPDATE message SET digest = 'x' WHERE id = 1",
    "UPDATE message SET blob = 7 WHERE id = 1",
    "UPDATE message SET blob = x'00' WHERE id = 1",
    "UPDATE message SET blob = '' WHERE id = 1",
    "UPDATE message SET digest = x'00' WHERE id = 1",
    "UPDATE message SET envelope = x'00' WHERE id = 1",
    "UPDATE message SET bodystructure = '', parts = x'' WHERE id = 5",
    "UPDATE message SET header = x'0000', preview = x'01', sent = 5 WHERE id = 3",
    "UPDATE message SET message_id = x'00', sent_zone = 7",
    "UPDATE message SET sha1 = x'00' WHERE id = 1",
    "UPDATE sortkey SET subject = x'00', message_id = 77",
    "UPDATE surrogate SET envelope = x'00'",
    "UPDATE message SET thread = 77 WHERE id = 3",
    "DELETE FROM link",
    "UPDATE link SET thread = 78",
    "DELETE FROM keyword WHERE bit = 0",
    "INSERT INTO keyword VALUES (99, 0, 'x')",
    "INSERT INTO vanished VALUES (1, 2, 1, 9)",
    "INSERT INTO vanished VALUES (1, 999, 77, 78)",
    "INSERT INTO metadata VALUES (99, '', '/shared/a', '/shared/a', '', 1, 1)",
    STRAY,
    "INSERT INTO annotation VALUES (1, 99, '', '/comment', x'00', 1)",
    "DELETE FROM mailbox WHERE name = 'INBOX'",
    "DELETE FROM mailbox WHERE name = 'Sent'",
    "UPDATE mailbox SET name = 'Other' WHERE name = 'INBOX'",
    "UPDATE mailbox SET selectable = 0 WHERE name = 'INBOX'",
    "DELETE FROM surrogate",
    (
        "INSERT INTO surrogate SELECT 1, size, envelope, bodystructure, header,"
        " parts, edits FROM surrogate"
    ),
    "INSERT INTO quota VALUES ('', -1, NULL, 5, NULL)",
    "INSERT INTO quota VALUES ('Sent', 'much', NULL, NULL, NULL)",
    "INSERT INTO quota VALUES ('Sent', NULL, NULL, NULL, NULL)",
    "INSERT INTO quota VALUES ('/a/', 1, NULL, NULL, NULL)",
    "INSERT INTO acl VALUES (99, 'anyone', 'lr')",
    "INSERT INTO acl VALUES (1, 'anyone', 'lr')",
    "INSERT INTO acl VALUES (1, 'anyone', 'l?r')",
    "INSERT INTO private_flags VALUES (1, 'x', 0, 5, 9, x'')",
    "INSERT INTO private_flags VALUES (1, 'x', 0, 0, 0, x'010203')",
    "UPDATE flag_block SET octets = x'00'; INSERT INTO loose VALUES ('x', 'y')",
    "UPDATE flag_block SET octets = substr(octets, 1, length(octets) - 1)",
    "UPDATE flag_block SET modseq = 1",
    "UPDATE flag_block SET block = 5 WHERE mailbox = 1",
    "DELETE FROM flag_block WHERE mailbox = 1",
    "INSERT INTO flag_block SELECT 99, block, 9, octets FROM flag_block LIMIT 1",
    "INSERT INTO removed_entry VALUES (1, 1, 2, 2, 2)",
    "INSERT INTO removed_mailbox VALUES (99, 'x', 7, 1, 1)",
    SHOWN,
    TOMBSTONE,
]
