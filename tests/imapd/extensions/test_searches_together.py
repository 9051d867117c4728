"""Searches together: UIDONLY, CONDSTORE, SEARCHRES, PARTIAL, contexts, mailboxes."""

from typing import cast

import pytest

from tests.support.responses import Esearch, Fetch, Status
from tests.support.session import Answer, Session, World

MESSAGE = b"Subject: invoice\r\n\r\nbody"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.deliver(*[MESSAGE] * 6)
    session = made.session(mailbox=b"INBOX")
    session.ok(b"UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    session.ok(b"EXPUNGE")
    yield made
    made.close()


def only_uids(world: World) -> Session:
    session = world.session()
    session.ok(b"ENABLE UIDONLY")
    session.ok(b"SELECT INBOX")
    return session


def esearch(answer: Answer) -> Esearch:
    (found,) = answer.of(Esearch)
    return found


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH ALL",
        b"SEARCH RETURN (ALL) ALL",
        b"SORT (DATE) UTF-8 ALL",
        b"UID SEARCH 1:3",
        b"UID SEARCH RETURN (ALL) (OR 2 SEEN)",
        b"UID SORT RETURN (ALL) (DATE) UTF-8 2:*",
        b"ESEARCH 1:2",
        b"ESEARCH IN (personal) RETURN (COUNT) NOT 1",
        b"UID SEARCH FUZZY 1",
    ],
)
def test_message_numbers_are_refused_where_there_are_none(world, command):
    """RFC 9586 §3."""
    answer = only_uids(world).bad(command)
    assert answer.code == "UIDREQUIRED"


def test_what_was_saved_is_a_set_of_uids(world):
    """RFC 9586 §3: $ names messages, neither numbers nor UIDs."""
    ann = only_uids(world)
    ann.ok(b"UID SEARCH RETURN (SAVE) UID 3:4")
    raw = ann.ok(b"UID FETCH $ (FLAGS)").raw
    assert b"* 3 UIDFETCH" in raw
    assert b"* 4 UIDFETCH" in raw
    assert esearch(ann.ok(b"UID SEARCH RETURN (ALL) $"))["ALL"] == (3, 4)
    assert esearch(ann.ok(b"UID SEARCH RETURN (ALL) NOT UID $"))["ALL"] == (1, 5, 6)
    ann.ok(b"UID STORE $ +FLAGS.SILENT (\\Deleted)")
    assert b"VANISHED 3:4" in ann.ok(b"UID EXPUNGE $").raw
    assert esearch(ann.ok(b"UID SEARCH RETURN (COUNT) $"))["COUNT"] == 0


def test_pages_and_batches_are_of_uids(world):
    ann = only_uids(world)
    found = esearch(ann.ok(b"UID SEARCH RETURN (PARTIAL -1:-2) ALL"))
    assert found["PARTIAL"] == ("-1:-2", (5, 6))
    raw = ann.ok(b"UID FETCH 1:* (FLAGS) (PARTIAL 2:3)").raw
    assert [raw.count(b"* %d UIDFETCH" % uid) for uid in (1, 3, 4, 5)] == [0, 1, 1, 0]
    assert b'UIDBATCHES (TAG "' in ann.ok(b"UIDBATCHES 500").raw


def test_a_context_is_told_by_uid_and_what_is_gone_before_vanished(world):
    ann, other = only_uids(world), world.session(mailbox=b"INBOX")
    ann.ok(b"UID SEARCH RETURN (UPDATE) ALL")
    other.ok(b"UID STORE 5 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    raw = ann.ok(b"NOOP").raw
    assert raw.index(b"UID REMOVEFROM (0 5)") < raw.index(b"VANISHED 5")
    world.deliver(MESSAGE)
    assert b"UID ADDTO (0 7)" in ann.ok(b"NOOP").raw


def test_a_modseq_is_told_of_what_is_listed(world):
    """RFC 4731 §3.2, RFC 7162 §3.1.5."""
    ann = world.session()
    ann.ok(b"ENABLE CONDSTORE")
    ann.ok(b"SELECT INBOX")
    ann.ok(b"UID STORE 3 +FLAGS.SILENT (\\Seen)")
    ann.ok(b"UID STORE 1 +FLAGS.SILENT (\\Seen)")
    modseqs = {
        cast("int", one.items["UID"]): cast("int", one.items["MODSEQ"])
        for one in ann.ok(b"UID FETCH 1:* (MODSEQ)").of(Fetch)
    }

    def told(options: bytes) -> object:
        text = b"UID SEARCH RETURN (%b) MODSEQ 1 SEEN" % options
        return esearch(ann.ok(text))["MODSEQ"]

    assert told(b"ALL") == max(modseqs[1], modseqs[3])
    assert told(b"MIN") == modseqs[1]
    assert told(b"MAX") == modseqs[3]
    assert told(b"MIN MAX") == modseqs[1]
    assert told(b"MAX COUNT") == modseqs[1]
    assert told(b"PARTIAL 2:2") == modseqs[3]
    both = esearch(ann.ok(b"UID SEARCH RETURN (SAVE MAX) MODSEQ 1 SEEN"))
    assert both["MODSEQ"] == modseqs[3]
    assert esearch(ann.ok(b"UID SEARCH RETURN (ALL) $"))["ALL"] == (3,)
    other = ann.ok(b"ESEARCH IN (personal) RETURN (COUNT) MODSEQ 1 SEEN")
    assert esearch(other)["MODSEQ"] == modseqs[1]


def test_pages_of_what_has_changed_are_cut_first(world):
    """RFC 9394 §3.4: the page, and of it what has changed."""
    ann = world.session()
    ann.ok(b"ENABLE CONDSTORE")
    ann.ok(b"SELECT INBOX")
    (before,) = [
        cast("int", one.items["MODSEQ"])
        for one in ann.ok(b"UID FETCH 6 (MODSEQ)").of(Fetch)
    ]
    ann.ok(b"UID STORE 1,6 +FLAGS.SILENT (\\Seen)")
    for modifiers in (
        b"PARTIAL -1:-3 CHANGEDSINCE %d",
        b"CHANGEDSINCE %d PARTIAL -1:-3",
    ):
        text = b"UID FETCH 1:* (UID FLAGS) (" + modifiers % before + b")"
        assert [one.items["UID"] for one in ann.ok(text).of(Fetch)] == [6]


def test_rev2_sessions_get_esearch_for_every_search(world):
    """RFC 9051 §6.4.4: SEARCH and UID SEARCH are answered by ESEARCH."""
    ann = world.session()
    ann.ok(b"ENABLE IMAP4rev2")
    ann.ok(b"SELECT INBOX")
    assert esearch(ann.ok(b"UID SEARCH UID 1:3")).data == (("ALL", (1, 3)),)
    assert esearch(ann.ok(b"SEARCH DRAFT")).data == ()
    assert ann.ok(b"SEARCH RETURN (SAVE) ALL").of(Esearch) == []


def test_a_context_goes_on_beside_notify(world):
    """RFC 5465 §7: the selected mailbox is told between commands, results as well."""
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
    ann.ok(b"UID SEARCH RETURN (UPDATE) FLAGGED")
    other.ok(b"UID STORE 4 +FLAGS.SILENT (\\Flagged)")
    found = [one for one in ann.read() if isinstance(one, Esearch)]
    assert [one.data for one in found] == [(("ADDTO", ((0, (4,)),)),)]


def test_a_saved_result_survives_other_searches_of_other_mailboxes(world):
    ann = world.session(mailbox=b"INBOX")
    ann.ok(b"SEARCH RETURN (SAVE) 2:3")
    ann.ok(b"ESEARCH IN (personal) RETURN (ALL) ALL")
    ann.ok(b"UID SORT RETURN (PARTIAL 1:2 COUNT) (SIZE) UTF-8 ALL")
    ann.ok(b"UIDBATCHES 500")
    assert esearch(ann.ok(b"SEARCH RETURN (ALL) $"))["ALL"] == (2, 3)
    ann.no(b"SEARCH RETURN (SAVE) CHARSET NONE ALL", "BADCHARSET")
    assert esearch(ann.ok(b"SEARCH RETURN (COUNT) $"))["COUNT"] == 0
    assert not ann.ok(b"FETCH $ UID").of(Status)
