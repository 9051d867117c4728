"""X-GM-EXT-1: mailboxes as labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.store import Store
from imapd.extensions.gmail import FEATURE
from imapd.extensions.gmail.ids import MSGID, THRID, NumberKey
from imapd.extensions.gmail.labels import LABELS, LabelKey, StoreLabels
from imapd.extensions.gmail.names import LABEL_OF, use_of
from imapd.extensions.gmail.raw import RawKey
from imapd.features import ALL, OPTIONAL
from imapd.session.faults import Bad
from imapd.session.registry import Registry
from imapd.syntax.sequence import SequenceSet
from mailstore.mime.bodystructure import has_attachment
from mailstore.mime.ingest import ingest
from mailstore.model import AccountId
from mailstore.service.filing import MailboxLabels
from mailstore.service.object_ids import ObjectIds
from tests.support.furnished import OPTIONS
from tests.support.parsing import parse
from tests.support.responses import Fetch, SearchResult
from tests.support.session import Session, SessionPeer, World
from tests.support.transcript import run_transcript

REGISTRY = Registry.of([*ALL, FEATURE])
ONE = SequenceSet(((1, 1),))


@pytest.fixture
def gm(tmp_path: Path) -> Iterator[World]:
    """Give a store whose sessions speak X-GM-EXT-1."""
    options = replace(OPTIONS, labels=True)
    made = World(tmp_path / "store", "ann", "alice", "bob", options=options)
    made.services = replace(made.services, registry=REGISTRY)
    yield made
    made.close()


def parsed(text: bytes):
    return parse(REGISTRY, text)


def reparsed(name: str, node):
    return parsed(REGISTRY.commands[name].unparse(node))


# -- grammar


def test_it_is_offered_only_where_it_is_wanted(gm, tmp_path):
    assert FEATURE in OPTIONAL
    assert FEATURE not in ALL
    assert b"X-GM-EXT-1" in gm.session().ok(b"CAPABILITY").raw
    plain = World(tmp_path / "plain")
    ann = plain.session(mailbox=b"INBOX")
    assert b"X-GM" not in ann.ok(b"CAPABILITY").raw
    ann.bad(b"FETCH 1 X-GM-LABELS")
    plain.close()


def test_items_and_keys_are_known():
    node = parsed(b"FETCH 1 (x-gm-msgid X-GM-THRID X-GM-LABELS)")
    assert node.items == (MSGID, THRID, LABELS)
    assert reparsed("FETCH", node) == node
    node = parsed(
        b'SEARCH X-GM-MSGID 18446744073709551615 X-GM-THRID 0 X-GM-LABELS "\\\\Inbox"'
        b' X-GM-LABELS \\Sent X-GM-LABELS foo X-GM-RAW "has:attachment in:unread"'
    )
    assert node.keys == (
        NumberKey("X-GM-MSGID", 2**64 - 1),
        NumberKey("X-GM-THRID", 0),
        LabelKey(b"\\Inbox"),
        LabelKey(b"\\Sent"),
        LabelKey(b"foo"),
        RawKey(b"has:attachment in:unread"),
    )
    assert reparsed("SEARCH", node) == node


@pytest.mark.parametrize(
    ("text", "item"),
    [
        (b"+X-GM-LABELS (foo)", StoreLabels("+", (b"foo",))),
        (b"-x-gm-labels.silent (foo \\Inbox)",
         StoreLabels("-", (b"foo", b"\\Inbox"), silent=True)),
        (b'X-GM-LABELS ("\\\\Starred" "a b")',
         StoreLabels("", (b"\\Starred", b"a b"))),
        (b"X-GM-LABELS ()", StoreLabels("", ())),
        (b"+X-GM-LABELS foo", StoreLabels("+", (b"foo",))),
    ],
)  # fmt: skip
def test_each_form_of_store_is_known(text, item):
    node = parsed(b"STORE 1 " + text)
    assert node == Store(ONE, item)
    assert reparsed("STORE", node) == node


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda b: 0 not in b)))
def test_labels_are_parsed_as_they_are_written(labels):
    item = StoreLabels("+", tuple(labels))
    assert parsed(b"STORE 1 " + item.unparse()).item == item


@pytest.mark.parametrize(
    "text",
    [
        b"FETCH 1 X-GM-RAW",
        b"STORE 1 X-GM-MSGID (1)",
        b"STORE 1 +X-GM-LABELS (%b)" % b" ".join([b"x"] * 101),
        b"STORE 1 +X-GM-LABELS (a",
        b"SEARCH X-GM-MSGID 18446744073709551616",
        b"SEARCH X-GM-MSGID M1",
        b"SEARCH X-GM-RAW",
    ],
)
def test_what_cannot_be_is_refused(text):
    with pytest.raises(Bad):
        parsed(text)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1))
def test_numbers_lead_back(number, token):
    ids = ObjectIds(f"{token:016x}", AccountId("1"))
    assert 0 <= ids.as_number(number) < 2**63
    assert ids.of_number(ids.as_number(number)) == number


def test_each_label_leads_back_to_its_use():
    assert {use_of(label): label for label in LABEL_OF.values()} == LABEL_OF


# -- what it tells


def labels(session: Session, number: int = 1) -> set[str]:
    (found,) = session.ok(b"FETCH %d (X-GM-LABELS)" % number).of(Fetch)
    return {one.decode() for one in found.typed("X-GM-LABELS", tuple)}


def search(session: Session, keys: bytes) -> tuple[int, ...]:
    (found,) = session.ok(b"SEARCH " + keys).of(SearchResult)
    return found.numbers


def raw(session: Session, query: str) -> tuple[int, ...]:
    octets = query.encode()
    return search(session, b"X-GM-RAW {%d+}\r\n%b" % (len(octets), octets))


def ids(session: Session, numbers: bytes = b"1:*") -> list[tuple[int, int]]:
    answer = session.ok(b"FETCH %b (X-GM-MSGID X-GM-THRID)" % numbers)
    return [
        (one.typed("X-GM-MSGID", int), one.typed("X-GM-THRID", int))
        for one in answer.of(Fetch)
    ]


def test_copies_have_one_number_and_threads_too(gm):
    gm.deliver(
        b"Message-ID: <a@x>\r\n\r\n",
        b"In-Reply-To: <a@x>\r\n\r\n",
        b"Subject: z\r\n\r\n",
    )
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"COPY 1 Archive")
    (a, ta), (b, tb), (c, tc) = ids(ann)
    assert len({a, b, c}) == 3
    assert ta == tb != tc
    assert search(ann, b"X-GM-MSGID %d" % b) == (2,)
    assert search(ann, b"X-GM-THRID %d" % ta) == (1, 2)
    assert search(ann, b"X-GM-MSGID %d" % (a + 77)) == ()
    ann.ok(b"SELECT Archive")
    assert ids(ann) == [(a, ta)]
    assert search(ann, b"X-GM-THRID %d" % ta) == (1,)


def test_labels_are_the_other_mailboxes(gm):
    gm.deliver(b"a", b"b")
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"CREATE Work")
    ann.ok(b'CREATE "Entw&APw-rfe x"')
    assert labels(ann) == set()
    for mailbox in (b"Work", b"Work", b"Sent", b'"Entw&APw-rfe x"', b"Archive"):
        ann.ok(b"COPY 1 " + mailbox)
    assert labels(ann) == {"Work", "\\Sent", "Entw&APw-rfe x", "Archive"}
    assert labels(ann, 2) == set()
    ann.ok(b"STORE 1 +FLAGS (\\Flagged $important)")
    assert labels(ann) >= {"\\Starred", "\\Important"}
    ann.ok(b"SELECT Work")
    assert labels(ann) == {"\\Inbox", "\\Sent", "Entw&APw-rfe x", "Archive"}
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    ann.ok(b"SELECT INBOX")
    assert "Work" not in labels(ann)


def test_labels_are_changed(gm):
    gm.deliver(b"a", b"b")
    ann = gm.session(mailbox=b"INBOX")
    answer = ann.ok(b'STORE 1 +X-GM-LABELS (New/Label "\\\\Sent" \\Inbox \\Starred)')
    fetched = [one for one in answer.of(Fetch) if "X-GM-LABELS" in one.items]
    assert [set(one.typed("X-GM-LABELS", tuple)) for one in fetched] == [
        {b"New/Label", b"\\Sent", b"\\Starred"}
    ]
    assert search(ann, b"FLAGGED") == (1,)
    assert b"X-GM-LABELS" not in ann.ok(b"STORE 1:2 +X-GM-LABELS.SILENT (Other)").raw
    assert labels(ann) == {"New/Label", "\\Sent", "\\Starred", "Other"}
    ann.ok(b"STORE 1:2 +X-GM-LABELS (Other)")
    ann.ok(b"STATUS Other (MESSAGES)")
    assert b"(MESSAGES 2)" in ann.ok(b"STATUS Other (MESSAGES)").raw
    ann.ok(b"STORE 1 -X-GM-LABELS (New/Label \\Starred Nowhere)")
    assert labels(ann) == {"\\Sent", "Other"}
    assert search(ann, b"FLAGGED") == ()
    answer = ann.ok(b"UID STORE 1:2 X-GM-LABELS (\\Important Third)")
    assert [one.uid for one in answer.of(Fetch) if "X-GM-LABELS" in one.items] == [1, 2]
    assert labels(ann, 1) == labels(ann, 2) == {"\\Important", "Third"}
    ann.ok(b"STORE 1:2 X-GM-LABELS ()")
    assert labels(ann, 1) == labels(ann, 2) == set()
    assert b"(MESSAGES 0)" in ann.ok(b"STATUS Other (MESSAGES)").raw
    assert search(ann, b"ALL") == (1, 2)


def test_nothing_is_half_done(gm):
    gm.deliver(b"a")
    ann = gm.session(mailbox=b"INBOX")
    ann.no(b"STORE 1 +X-GM-LABELS (Fine \\Muted)", "CANNOT")
    ann.no(b"STORE 1 +X-GM-LABELS (Fine a//b)", "CANNOT")
    gm.store.use(replace(gm.store.options, max_mailboxes=10))
    many = b" ".join(b"m%d" % at for at in range(12))
    ann.no(b"STORE 1 +X-GM-LABELS (\\Starred Fine %b)" % many, "LIMIT")
    assert labels(ann) == set()
    ann.no(b"STATUS Fine (MESSAGES)", "NONEXISTENT")


def test_no_message_loses_its_last_place(gm):
    gm.deliver(b"a")
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"COPY 1 Archive")
    ann.no(b"STORE 1 -X-GM-LABELS (\\Inbox)", "CANNOT")
    ann.ok(b"STORE 1 X-GM-LABELS ()")
    assert search(ann, b"ALL") == (1,)
    ann.ok(b"EXAMINE INBOX")
    ann.no(b"STORE 1 +X-GM-LABELS (Archive)", "READ-ONLY")


def test_nobody_else_is_told_of_them(gm, monkeypatch):
    """Whose mailbox it is that somebody else has opened: its owner's other ones."""
    gm.deliver(b"a")
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"STORE 1 +X-GM-LABELS (Secret \\Starred)")
    monkeypatch.setattr(MailboxLabels, "owner", "somebody else")
    assert labels(ann) == {"\\Starred"}
    ann.no(b"STORE 1 +X-GM-LABELS (Secret)", "CANNOT")
    ann.no(b"SEARCH X-GM-LABELS Secret", "CANNOT")
    ann.no(b'SEARCH X-GM-RAW "a OR -label:secret"', "CANNOT")
    assert raw(ann, "is:starred") == (1,)


def test_conditions_hold_for_labels_too(gm):
    gm.deliver(b"a", b"b")
    ann, bob = gm.session(mailbox=b"INBOX"), gm.session(mailbox=b"INBOX")
    (modseq,) = {
        one.typed("MODSEQ", int) for one in ann.ok(b"FETCH 2 (MODSEQ)").of(Fetch)
    }
    bob.ok(b"STORE 1 +FLAGS (\\Seen)")
    answer = ann.ok(b"STORE 1:2 (UNCHANGEDSINCE %d) +X-GM-LABELS (x)" % modseq)
    assert answer.code == "MODIFIED"
    assert (labels(ann, 1), labels(ann, 2)) == (set(), {"x"})


def test_sessions_of_other_mailboxes_are_told(gm):
    gm.deliver(b"a")
    ann, bob = gm.session(mailbox=b"INBOX"), gm.session(mailbox=b"Archive")
    ann.ok(b"STORE 1 +X-GM-LABELS (Archive)")
    assert b"* 1 EXISTS" in bob.ok(b"NOOP").raw
    ann.ok(b"STORE 1 -X-GM-LABELS (Archive)")
    assert b"* 1 EXPUNGE" in bob.ok(b"NOOP").raw


def test_the_index_is_made_when_it_is_wanted(gm):
    gm.deliver(b"a")
    ann = gm.session(mailbox=b"INBOX")
    account = ann.connection.session.account
    assert account is not None
    reader = account.own.readers.event
    sql = "SELECT 1 FROM sqlite_master WHERE name = 'entry_message'"
    ann.ok(b"COPY 1 Archive")
    assert search(ann, b"X-GM-LABELS Archive") == (1,)
    assert reader.one(sql) is None
    assert labels(ann) == {"Archive"}
    assert reader.one(sql) is not None
    plan = reader.all(
        "EXPLAIN QUERY PLAN SELECT e.message FROM json_each('[1]') j"
        " CROSS JOIN entry e ON e.message = j.value"
    )
    assert any("entry_message" in str(row) for row in plan)


# -- searches


def test_labels_are_searched(gm):
    gm.deliver(b"a", b"b", b"c")
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"STORE 1 +X-GM-LABELS (My/Work \\Starred)")
    ann.ok(b"STORE 2 +X-GM-LABELS (\\Sent \\Important)")
    found: tuple[int, ...]
    for label, found in (
        (b"My/Work", (1,)), (b"my/work", ()), (b"\\Sent", (2,)), (b"\\sent", (2,)),
        (b"\\Inbox", (1, 2, 3)), (b"INBOX", (1, 2, 3)), (b"\\Starred", (1,)),
        (b"\\Important", (2,)), (b"\\Trash", ()), (b"Nowhere", ()),
    ):  # fmt: skip
        assert search(ann, b"X-GM-LABELS " + label) == found, label
    ann.no(b"SEARCH X-GM-LABELS \\Muted", "CANNOT")
    assert search(ann, b"NOT X-GM-LABELS My/Work") == (2, 3)
    for query, found in (
        ("label:my-work", (1,)), ("in:My/Work", (1,)), ("label:inbox -in:sent", (1, 3)),
        ("is:starred OR is:important", (1, 2)), ("in:anywhere", (1, 2, 3)),
        ("label:nowhere", ()),
    ):  # fmt: skip
        assert raw(ann, query) == found, query


def test_the_query_language_finds_messages(gm):
    attached = (
        b"From: Amy <amy@x.org>\r\nSubject: film\r\nMessage-ID: <1@x.org>\r\n"
        b"Content-Type: multipart/mixed; boundary=q\r\n\r\n"
        b"--q\r\n\r\nsee\r\n--q\r\nContent-Type: image/png\r\n"
        b"Content-Disposition: ATTACHMENT; filename=a\r\n\r\nx\r\n--q--\r\n"
    )
    other = b"From: Bob <b@x.org>\r\nSubject: dinner at eight\r\n\r\nattachment\r\n"
    gm.deliver(attached, other, b"Subject: gro\xc3\x9f\r\n\r\nlong " + b"y" * 3_000)
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"STORE 2 +FLAGS (\\Seen)")
    for query, found in (
        ("has:attachment", (1,)), ("-has:attachment", (2, 3)),
        ("has:attachment in:unread", (1,)), ("is:read", (2,)),
        ("from:amy OR subject:dinner", (1, 2)), ('"dinner at"', (2,)),
        ("subject:(dinner eight)", (2,)), ("rfc822msgid:1@x.org", (1,)),
        ("larger:2K", (3,)), ("smaller:2K", (1, 2)), ("gro\u00df", (3,)),
        ("newer_than:1d", (1, 2, 3)), ("older_than:1d", ()), ("", (1, 2, 3)),
        ("after:2020/01/01 before:2099/01/01", (1, 2, 3)),
    ):  # fmt: skip
        assert raw(ann, query) == found, query
    ann.bad(b'SEARCH X-GM-RAW "(a"')
    ann.no(b'SEARCH X-GM-RAW "filename:a"', "CANNOT")
    ann.no(b"SEARCH X-GM-RAW {10+}\r\nis:mut\xc3\xa9\xc2\xa0", "CANNOT")
    assert search(ann, b'SUBJECT film X-GM-RAW "has:attachment"') == (1,)


def test_attachments_are_parts_that_say_so():
    def structure(text: str) -> bytes:
        return ingest(text.replace("\n", "\r\n").encode()).bodystructure

    head = "Content-Type: multipart/mixed; boundary=q\n\n--q\n"
    end = "\n--q--\n"
    one = "Content-Disposition: attachment\n\nx"
    assert has_attachment(structure("Content-Disposition: Attachment\n\nx"))
    assert has_attachment(structure(f"{head}\nx\n--q\n{one}{end}"))
    assert has_attachment(structure(
        f"{head}Content-Type: message/rfc822\nContent-Disposition: attachment\n\n"
        f"Subject: x\n\ny{end}"
    ))  # fmt: skip
    inner = "Content-Type: multipart/alternative; boundary=r\n\n--r\n\na\n--r--\n"
    assert has_attachment(structure(f"{head}{inner}\n--q\n{one}{end}"))
    for text in (
        "Subject: attachment\n\nattachment",
        "Content-Disposition: inline; filename=attachment\n\nx",
        "Content-Type: text/plain; attachment=attachment\n\nx",
        f"{head}Content-Type: message/rfc822\n\n{one}{end}",
        f"{head}{inner}{end}",
    ):
        assert not has_attachment(structure(text)), text


TALK = """\
! messages INBOX 2
! login C1
C1: a SELECT INBOX
S1: {+}
S1: a OK [READ-WRITE] {text}
C1: b UID FETCH 1:* (UID X-GM-MSGID X-GM-THRID X-GM-LABELS FLAGS)
S1: * 1 FETCH (UID 1 X-GM-MSGID {one} X-GM-THRID {thread} X-GM-LABELS () FLAGS {any})
S1: * 2 FETCH (UID 2 X-GM-MSGID {two} X-GM-THRID {other} X-GM-LABELS () FLAGS {any})
S1: b OK {text}
C1: c STORE 1 +X-GM-LABELS (foo)
S1: * 1 FETCH (X-GM-LABELS (foo))
S1: * 1 FETCH (FLAGS {any})
S1: c OK {text}
C1: d UID SEARCH X-GM-MSGID {two}
S1: * SEARCH 2
S1: d OK {text}
C1: e UID SEARCH X-GM-RAW "label:foo subject:message"
S1: * SEARCH 1
S1: e OK {text}
C1: f SELECT foo
S1: {+}
S1: f OK [READ-WRITE] {text}
C1: g FETCH 1 (X-GM-MSGID X-GM-LABELS)
S1: * 1 FETCH (X-GM-MSGID {one} X-GM-LABELS ("\\\\Inbox"))
S1: g OK {text}
"""


def test_what_thunderbird_and_offlineimap_say(gm):
    for name in ("alice", "bob"):
        gm.store.directory.set_password(name, f"{name}-password".encode())
    names = {
        "user": "alice",
        "password": "alice-password",
        "other": "bob",
        "otherpassword": "bob-password",
    }
    run_transcript(TALK, lambda: SessionPeer(gm.connect()), names)
