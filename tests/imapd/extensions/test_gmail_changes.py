"""X-GM-EXT-1: labels that change, for programs that ask by mod-sequence."""

from __future__ import annotations

import pytest

from tests.imapd.extensions.test_gmail import gm
from tests.support.responses import Fetch, StatusLine
from tests.support.session import Session

__all__ = ["gm"]


def changed(session: Session, since: int) -> dict[int, set[str]]:
    """Ask as programs ask that keep labels by mod-sequence; gives them by UID."""
    told = session.ok(b"UID FETCH 1:* (X-GM-LABELS) (CHANGEDSINCE %d)" % since)
    return {
        one.typed("UID", int): {
            label.decode() for label in one.typed("X-GM-LABELS", tuple)
        }
        for one in told.of(Fetch)
    }


def highest(session: Session, mailbox: bytes = b"INBOX") -> int:
    (line,) = session.ok(b"STATUS %b (HIGHESTMODSEQ)" % mailbox).of(StatusLine)
    modseq: int = line.items["HIGHESTMODSEQ"]
    return modseq


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        ((b"SELECT INBOX", b"STORE 2 +X-GM-LABELS (x)"), {2: {"Archive", "x"}}),
        ((b"SELECT INBOX", b"STORE 2 -X-GM-LABELS (Archive)"), {2: set()}),
        ((b"SELECT INBOX", b"COPY 1 Sent"), {1: {"\\Sent"}}),
        ((b"SELECT Archive", b"MOVE 1 Sent"), {2: {"\\Sent"}}),
        ((b"SELECT Archive", b"STORE 1 +FLAGS (\\Deleted)", b"EXPUNGE"), {2: set()}),
        ((b"DELETE Archive",), {2: set()}),
        ((b"SELECT Archive", b"STORE 1 +FLAGS (\\Flagged)"), {}),
        ((b"APPEND INBOX {1+}\r\nx",), {3: set()}),
    ],
)
def test_a_label_that_changes_is_a_change_of_the_message(gm, commands, told):
    """Programs that know Gmail ask for what has changed since a mod-sequence."""
    gm.deliver(b"a", b"b")
    ann, other = gm.session(mailbox=b"INBOX"), gm.session()
    ann.ok(b"STORE 2 +X-GM-LABELS (Archive)")
    ann.ok(b"NOOP")
    since = highest(other)
    for command in commands:
        other.ok(command)
    ann.ok(b"NOOP")
    assert changed(ann, since) == told
    assert (highest(other) > since) is bool(told)


def test_who_gives_a_label_hears_of_the_new_mod_sequence(gm):
    """RFC 7162 §3.1.3: the next condition is about what the client has been told."""
    gm.deliver(b"a")
    ann = gm.session(mailbox=b"INBOX")
    ann.ok(b"FETCH 1 (MODSEQ X-GM-LABELS)")
    answer = ann.ok(b"STORE 1 +X-GM-LABELS (x)")
    (modseq,) = [
        one.typed("MODSEQ", int) for one in answer.of(Fetch) if "MODSEQ" in one.items
    ]
    assert modseq == highest(ann)
    again = ann.ok(b"STORE 1 (UNCHANGEDSINCE %d) +X-GM-LABELS (y)" % modseq)
    assert again.code is None


def test_where_nobody_has_asked_for_labels_nothing_changes(gm):
    gm.deliver(b"a")
    ann = gm.session(mailbox=b"INBOX")
    since = highest(ann)
    ann.ok(b"COPY 1 Archive")
    assert highest(ann) == since
