"""What sessions see of messages' annotations, and who is told (RFC 5257)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from imapd.extensions.annotate.news import EVENT
from mailstore.service import Account
from tests.support.furnished import OPTIONS
from tests.support.responses import (
    Fetch,
    Response,
    SearchResult,
    SortResult,
)
from tests.support.session import PASSWORD, Answer, Session, World

Notes = dict[str, dict[str, bytes | None]]


def account_of(session: Session) -> Account:
    account = session.connection.session.account
    assert account is not None
    return account.own


def code_value(answer: Answer) -> object:
    assert answer.status.code is not None
    return answer.status.code.value


def count_rows(account: Account) -> int:
    row = account.readers.event.one("SELECT count(*) FROM annotation")
    assert row is not None
    return int(row[0])


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """Note the statements that run on the event thread and in the lane."""
    ran: list[str] = []
    account = account_of(session)
    connections = [account.readers.event.connection, account.lane._database.connection]

    def note(_: object, sql: str, __: object) -> bool:
        ran.append(sql)
        return True

    for one in connections:
        one.set_exec_trace(note)
    yield ran
    for one in connections:
        one.set_exec_trace(None)


def notes_of(session: Session, number: int, entries: bytes = b"*") -> Notes:
    answer = session.ok(b"FETCH %d (ANNOTATION (%b value))" % (number, entries))
    (found,) = answer.of(Fetch)
    return found.typed("ANNOTATION", dict)


def annotate(session: Session, messages: bytes, text: bytes) -> bytes:
    return session.ok(b"STORE %b ANNOTATION (%b)" % (messages, text)).raw


def told(found: Sequence[Response]) -> list[dict[str, Any]]:
    return [dict(one.items) for one in found if isinstance(one, Fetch)]


def test_annotations_survive_the_server(tmp_path):
    world = World(tmp_path)
    world.deliver(b"a", b"b")
    annotate(world.session(mailbox=b"INBOX"), b"2", b'/comment (value.priv "x")')
    world.close()
    again = World(tmp_path)
    assert notes_of(again.session(mailbox=b"INBOX"), 2) == {
        "/comment": {"value.priv": b"x", "value.shared": None}
    }
    again.close()


def test_private_ones_are_their_owners(world):
    """A mailbox that others read too: their rows are not told, found or copied."""
    world.deliver(b"a", b"b")
    world.store.directory.create("bob", PASSWORD)
    world.share("INBOX", "bob", "lrswin")
    world.share("Archive", "bob", "lrin")
    ann = world.session(mailbox=b"INBOX")
    bob = world.session("bob", b'"Other Users/ann/INBOX"')
    annotate(ann, b"1", b'/comment (value.priv "mine" value.shared "ours")')
    theirs = {"/comment": {"value.priv": None, "value.shared": b"ours"}}
    bob.ok(b"NOOP")
    assert notes_of(bob, 1) == theirs
    annotate(bob, b"2", b'/comment (value.priv "his")')
    (found,) = bob.ok(b'SEARCH ANNOTATION * value.priv ""').of(SearchResult)
    assert found.numbers == (2,)
    bob.ok(b'COPY 1:2 "Other Users/ann/Archive"')
    sort = b"SORT (REVERSE ANNOTATION /comment value.priv) UTF-8 ALL"
    (order,) = bob.ok(sort).of(SortResult)
    assert order.numbers == (2, 1)
    ann.ok(b"NOOP")
    assert notes_of(ann, 1)["/comment"]["value.priv"] == b"mine"
    ann.ok(b"SELECT Archive")
    assert [notes_of(ann, 1), notes_of(ann, 2)] == [theirs, {}]
    # RFC 5257 §4.10: shared ones want a right of their own.
    world.share("INBOX", "bob", "lrswi")
    bob.no(b'STORE 2 ANNOTATION (/comment (value.shared "x"))', "NOPERM")
    annotate(bob, b"2", b'/comment (value.priv "again")')
    world.share("Archive", "bob", "lri")
    bob.ok(b'COPY 1 "Other Users/ann/Archive"')
    ann.ok(b"NOOP")
    assert notes_of(ann, 3) == {}


def test_copies_have_their_own(world):
    world.deliver(b"a")
    ann = world.session(mailbox=b"INBOX")
    annotate(ann, b"1", b'/comment (value.priv "x") /altsubject (value.shared "y")')
    annotate(ann, b"1", b"/altsubject (value.shared NIL)")
    ann.ok(b"COPY 1 Archive")
    annotate(ann, b"1", b'/comment (value.priv "changed")')
    ann.ok(b"MOVE 1 Trash")
    for mailbox, value in ((b"Archive", b"x"), (b"Trash", b"changed")):
        ann.ok(b"SELECT " + mailbox)
        assert notes_of(ann, 1) == {
            "/comment": {"value.priv": value, "value.shared": None}
        }


def test_rename_of_inbox_takes_them_along(world):
    world.deliver(b"a")
    ann = world.session(mailbox=b"INBOX")
    annotate(ann, b"1", b'/comment (value.priv "x")')
    ann.ok(b"RENAME INBOX Old")
    ann.ok(b"SELECT Old")
    assert notes_of(ann, 1)["/comment"]["value.priv"] == b"x"


def test_those_without_annotations_pay_nothing(world):
    world.deliver(b"a", b"b")
    ann = world.session(mailbox=b"INBOX")
    with statements(ann) as ran:
        ann.ok(b"COPY 1:2 Archive")
        ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
        ann.ok(b"EXPUNGE")
        ann.append(b"INBOX", b"c")
        ann.ok(b"FETCH 1:* (FLAGS)")
    table = re.compile(r"\bannotation\b|SET annotations")
    touching = [sql for sql in ran if table.search(sql)]
    assert touching == [sql for sql in touching if sql.startswith("SELECT EXISTS")]
    assert len(touching) == 1


def test_a_removed_message_keeps_them_until_it_is_purged(world):
    world.deliver(b"a", b"b")
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    annotate(ann, b"1", b'/comment (value.priv "x")')
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    assert notes_of(ann, 1)["/comment"]["value.priv"] == b"x"
    ann.ok(b"NOOP")
    account = account_of(ann)

    assert count_rows(account) == 1
    world.runtime.advance(account.options.retention + 1)
    world.runtime.run(account.purge())
    assert count_rows(account) == 0


def test_mod_sequences_rise_and_conditions_are_kept(world):
    """§4.5, RFC 7162 §3.1.3."""
    world.deliver(b"a", b"b")
    ann, bob = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    (before,) = told(ann.ok(b"FETCH 1 (MODSEQ)").of(Fetch))
    answer = ann.ok(b'STORE 1 ANNOTATION (/comment (value.priv "x"))')
    (after,) = told(answer.of(Fetch))
    assert after.keys() == {"UID", "MODSEQ"}
    assert after["MODSEQ"] > before["MODSEQ"]
    modseq = after["MODSEQ"]
    answer = ann.ok(b'STORE 1 ANNOTATION (/comment (value.priv "x"))')
    assert told(answer.of(Fetch)) == [{"UID": 1, "MODSEQ": modseq}]
    answer = bob.ok(
        b"STORE 1:2 (UNCHANGEDSINCE %d) ANNOTATION (/comment (value.priv {1+}\r\ny))"
        % before["MODSEQ"]
    )
    assert code_value(answer) == (1,)
    assert notes_of(bob, 1)["/comment"]["value.priv"] == b"x"
    assert notes_of(bob, 2)["/comment"]["value.priv"] == b"y"
    answer = bob.ok(
        b"FETCH 1:2 (ANNOTATION (/comment value)) (CHANGEDSINCE %d)" % modseq
    )
    assert [one.number for one in answer.of(Fetch)] == [2]


def test_bounds(world):
    few = replace(
        OPTIONS,
        annotation_octets=20,
        annotations_of_message=10,
        annotations_of_mailbox=15,
    )
    world.store.use(few)
    world.deliver(b"a", b"b")
    ann = world.session(mailbox=b"INBOX")
    assert b"[ANNOTATIONS 20]" in ann.ok(b"SELECT INBOX").raw
    big = b"x" * 21
    answer = ann.no(
        b'STORE 1 ANNOTATION (/comment (value.priv "%b"))' % big, "ANNOTATE"
    )
    assert code_value(answer) == "TOOBIG"
    answer = ann.append(
        b"INBOX", b"c", b'ANNOTATION (/comment (value.priv "%b")) ' % big
    )
    assert code_value(answer) == "TOOBIG"

    def many(first: int, count: int) -> bytes:
        return b" ".join(
            b"/vendor/x/%d (value.shared {1+}\r\n1)" % at
            for at in range(first, first + count)
        )

    answer = ann.no(b"STORE 1 ANNOTATION (%b)" % many(0, 11), "ANNOTATE")
    assert code_value(answer) == "TOOMANY"
    assert notes_of(ann, 1) == {}
    annotate(ann, b"1", many(0, 10))
    annotate(ann, b"1", b'/comment (value.priv "another owner")')
    for head in (many(0, 11), many(0, 6)):
        answer = ann.append(b"INBOX", b"c", b"ANNOTATION (%b) " % head)
        assert code_value(answer) == "TOOMANY"
    ann.no(b"STORE 2 ANNOTATION (%b)" % many(0, 6), "ANNOTATE")
    annotate(ann, b"2", many(0, 5))
    ann.ok(b"NOOP")
    assert not ann.ok(b"SEARCH 3").of(SearchResult)[0].numbers


def test_copies_keep_the_bound_of_their_mailbox(world):
    world.deliver(b"a", b"b")
    world.store.use(replace(OPTIONS, annotations_of_mailbox=10))
    ann = world.session(mailbox=b"INBOX")
    six = b" ".join(b'/vendor/x/%d (value.shared "1")' % at for at in range(6))
    annotate(ann, b"1", six)
    ann.ok(b"COPY 1 Archive")
    answer = ann.no(b"COPY 1 Archive", "ANNOTATE")
    assert code_value(answer) == "TOOMANY"
    ann.ok(b"COPY 2 Archive")  # it has none
    ann.no(b"COPY 1 INBOX", "ANNOTATE")
    # A move makes no more of them, and nobody is to be kept from it by another's.
    ann.ok(b"MOVE 1 Archive")
    ann.ok(b"SELECT Archive")
    assert len(ann.ok(b"SEARCH ALL").of(SearchResult)[0].numbers) == 3


def test_removed_ones_leave_little_behind(world):
    world.deliver(b"a")
    world.store.use(replace(OPTIONS, annotations_of_message=10))
    ann = world.session(mailbox=b"INBOX")
    for at in range(40):
        annotate(ann, b"1", b'/vendor/x/%d (value.priv "1")' % at)
        annotate(ann, b"1", b"/vendor/x/%d (value.priv NIL)" % at)
    assert count_rows(account_of(ann)) <= 21


def test_parts_have_to_be_there(world):
    two = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n"
    )
    world.deliver(b"a", two)
    ann = world.session(mailbox=b"INBOX")
    annotate(ann, b"2", b'/2/comment (value.priv "x") /1/flags/seen (value.priv "1")')
    for messages in (b"1", b"1:2"):
        ann.bad(b'STORE %b ANNOTATION (/2/comment (value.priv "y"))' % messages)
    assert notes_of(ann, 2, b"/2/comment")["/2/comment"]["value.priv"] == b"x"
    head = b'ANNOTATION (/2/comment (value.priv "y")) '
    assert ann.append(b"INBOX", b"x", head).status.kind == "BAD"
    assert ann.append(b"INBOX", two, head).status.kind == "OK"
    ann.ok(b"NOOP")
    assert notes_of(ann, 3) == {
        "/2/comment": {"value.priv": b"y", "value.shared": None}
    }


def test_a_part_that_is_fetched_has_to_be_there(world):
    """RFC 5257 §3.2.1: BAD, before anything is told of any message."""
    two = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n"
    )
    world.deliver(two, b"a")
    ann = world.session(mailbox=b"INBOX")
    for entries in (b"/2/comment", b"(/comment /2/flags/seen)", b"/2/*", b"/2/%"):
        item = b"(ANNOTATION (%b value))" % entries
        assert ann.ok(b"FETCH 1 " + item).of(Fetch)
        for command in (b"FETCH 2 ", b"FETCH 1:2 ", b"UID FETCH 1:* "):
            assert ann.bad(command + item).of(Fetch) == []
    # Wildcards in the place of the part name none, nor do searches name a message.
    assert len(ann.ok(b"FETCH 1:2 (ANNOTATION (/%/comment value))").of(Fetch)) == 2
    ann.ok(b'SEARCH ANNOTATION /2/comment value "x"')


def test_append_takes_values_as_literals_before_the_message_comes(world):
    ann = world.session()
    ann.begin(b"APPEND INBOX ANNOTATION (/comment (value.priv {3}")
    ann.feed(b"abc value.shared ~{1}\r\n")
    ann.feed(b"\0)) {4}\r\n")
    ann.feed(b"text\r\n")
    ann.ok(b"SELECT INBOX")
    assert notes_of(ann, 1) == {
        "/comment": {"value.priv": b"abc", "value.shared": b"\0"}
    }
    too_much = world.limits.literal + 1
    head = b"APPEND INBOX ANNOTATION (/comment (value.priv {%d}"
    ann.no(head % too_much, "TOOBIG")


def test_replace_and_multiappend_bring_them(world):
    world.deliver(b"a")
    ann = world.session(mailbox=b"INBOX")
    annotate(ann, b"1", b'/comment (value.priv "old")')
    head = b'ANNOTATION (/comment (value.priv "%b")) {1+}\r\nx'
    ann.ok(b"REPLACE 1 INBOX " + head % b"new")
    ann.ok(b"APPEND INBOX %b %b {1+}\r\ny" % (head % b"b", head % b"c" + b" ()"))
    ann.ok(b"NOOP")
    found = [notes_of(ann, at) for at in (1, 2, 3, 4)]
    values = [one["/comment"]["value.priv"] if one else None for one in found]
    assert values == [b"new", b"b", b"c", None]


SEARCHES = [
    (b'/comment value "STRASSE"', (1,)),
    (b'/comment value ""', (1, 2, 4)),
    (b'/comment value.shared "x"', (2,)),
    (b'/comment value.priv "x"', ()),
    (b'* value "note"', (1, 3)),
    (b'/% value "note"', (1,)),
    (b"* value NIL", (5,)),
    (b"/comment value NIL", (3, 5)),
    (b"/comment value ~{2+}\r\n\0x", (2,)),
    (b"/comment value {2+}\r\n\xc3\xa4", (4,)),
]


def test_search_and_sort(world):
    world.deliver(*[b"m"] * 5)
    ann = world.session(mailbox=b"INBOX")
    annotate(ann, b"1", "/comment (value.priv {15+}\r\nstra\u00dfe note ab)".encode())
    annotate(ann, b"2", b"/comment (value.shared ~{4+}\r\n\xff\0xy)")
    annotate(ann, b"3", b'/vendor/x/note (value.priv "note")')
    annotate(ann, b"4", "/comment (value.priv {3+}\r\n\u00c4z)".encode())
    for text, numbers in SEARCHES:
        (found,) = ann.ok(b"SEARCH ANNOTATION " + text).of(SearchResult)
        assert found.numbers == numbers, text
    (found,) = ann.ok(b'SEARCH NOT ANNOTATION * value "note" 1:4').of(SearchResult)
    assert found.numbers == (2, 4)
    for criteria, order in (
        (b"ANNOTATION /comment value.priv", (2, 3, 5, 4, 1)),
        (b"REVERSE ANNOTATION /comment value.priv REVERSE ARRIVAL", (1, 4, 2, 3, 5)),
        (b"ANNOTATION /comment value.shared ANNOTATION /comment value.priv",
         (3, 5, 4, 1, 2)),
    ):  # fmt: skip
        answer = ann.ok(b"SORT (%b) UTF-8 ALL" % criteria)
        assert answer.of(SortResult)[0].numbers == order, criteria


def test_one_answer_needs_few_statements_and_little_memory(world):
    world.deliver(*[b"m"] * 130)
    ann = world.session(mailbox=b"INBOX")
    annotate(ann, b"1:*", b'/comment (value.priv "x")')
    with statements(ann) as ran:
        answer = ann.ok(b"FETCH 1:* (ANNOTATION (/comment value))")
    assert len(answer.of(Fetch)) == 130
    # Of each 64 messages the names, and then the values.
    assert len([sql for sql in ran if "annotation" in sql]) == 6
    annotate(ann, b"1:10", b"/comment (value.priv {60000+}\r\n%b)" % (b"y" * 60_000))
    with statements(ann) as ran:
        ann.ok(b"FETCH 1:10 (ANNOTATION (/comment value))")
    assert len([sql for sql in ran if "a.value FROM" in sql]) == 3


# -- what is told without being asked for


def test_changes_are_told_while_the_client_idles(world):
    world.deliver(b"a")
    ann, bob = world.session(), world.session(mailbox=b"INBOX")
    ann.ok(b"SELECT INBOX (ANNOTATE)")
    ann.begin(b"IDLE")
    annotate(bob, b"1", b'/comment (value.shared "x")')
    first, *_ = told(ann.read())
    assert first == {"UID": 1, "ANNOTATION": {"/comment": None}}
    ann.feed(b"DONE\r\n")
    ann.ok(b"SELECT INBOX")
    annotate(bob, b"1", b'/comment (value.shared "y")')
    assert b"ANNOTATION" not in ann.ok(b"NOOP").raw


def test_what_a_session_does_itself_is_not_told(world):
    world.deliver(b"a")
    ann, bob = world.session(), world.session(mailbox=b"INBOX")
    ann.ok(b"SELECT INBOX (ANNOTATE)")
    annotate(ann, b"1", b'/comment (value.shared "x")')
    assert ann.ok(b"NOOP").untagged == ()
    annotate(bob, b"1", b'/altsubject (value.shared "x")')
    raw = annotate(ann, b"1", b'/comment (value.shared "y")') + ann.ok(b"NOOP").raw
    assert b"ANNOTATION (/altsubject)" in raw
    assert b"/comment" not in raw
    # What is as it was is no change, and hides none of the other's.
    annotate(bob, b"1", b'/comment (value.shared "z")')
    raw = annotate(ann, b"1", b'/comment (value.shared "z")')
    assert b"ANNOTATION (/comment)" in raw


NOTIFY = b"NOTIFY SET (selected (MessageNew (UID) MessageExpunge%b))"


def test_notify_tells_them_at_once(world):
    """RFC 5465 §5.1."""
    world.deliver(b"a")
    ann, bob = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(NOTIFY % b" AnnotationChange")
    annotate(bob, b"1", b'/comment (value.shared "x")')
    assert told(ann.read()) == [{"UID": 1, "ANNOTATION": {"/comment": None}}]
    bob.ok(b"STORE 1 +FLAGS (\\Flagged)")
    assert told(ann.read()) == []
    ann.ok(NOTIFY % b" FlagChange")
    annotate(bob, b"1", b'/comment (value.shared "y")')
    assert not [one for one in told(ann.read()) if "ANNOTATION" in one]


def test_notify_tells_of_other_mailboxes_by_their_mod_sequence(world):
    world.deliver(b"a")
    ann, bob = world.session(), world.session(mailbox=b"INBOX")
    ann.ok(b"ENABLE CONDSTORE")
    ann.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))")
    annotate(bob, b"1", b'/comment (value.shared "x")')
    (line,) = ann.read()
    assert "HIGHESTMODSEQ" in line.items


def test_notify_wants_the_events_that_go_with_it(world):
    ann = world.session()
    ann.bad(b"NOTIFY SET (personal (AnnotationChange))")
    answer = ann.no(b"NOTIFY SET (personal (Nonsense))", "BADEVENT")
    assert EVENT in str(code_value(answer))


def test_a_live_search_follows(world):
    """RFC 5267 §4.3: a context is told of what joins it."""
    world.deliver(b"a", b"b")
    ann, bob = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b'UID SEARCH RETURN (UPDATE) ANNOTATION /comment value "x"')
    annotate(bob, b"2", b'/comment (value.shared "x")')
    assert b"ADDTO (0 2)" in ann.ok(b"NOOP").raw
    annotate(bob, b"2", b"/comment (value.shared NIL)")
    assert b"REMOVEFROM (0 2)" in ann.ok(b"NOOP").raw
