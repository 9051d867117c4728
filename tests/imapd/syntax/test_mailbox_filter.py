"""Filters of mailboxes as text (RFC 5465 §6, RFC 7377 §2.2)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.syntax.mailbox_filter import FilterKind, MailboxFilter
from imapd.wire.cursor import Cursor, Malformed
from tests.imapd.commands import strategies
from tests.support.framing import read_frame

KINDS = frozenset(FilterKind)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (b"selected", MailboxFilter(FilterKind.SELECTED)),
        (b"selected-delayed", MailboxFilter(FilterKind.SELECTED_DELAYED)),
        (b"inboxes", MailboxFilter(FilterKind.INBOXES)),
        (b"personal", MailboxFilter(FilterKind.PERSONAL)),
        (b"subscribed", MailboxFilter(FilterKind.SUBSCRIBED)),
        (b"subtree a", MailboxFilter(FilterKind.SUBTREE, (b"a",))),
        (b"subtree-one a/b", MailboxFilter(FilterKind.SUBTREE_ONE, (b"a/b",))),
        (b"mailboxes (a b)", MailboxFilter(FilterKind.MAILBOXES, (b"a", b"b"))),
        (b'mailboxes ("a b" c)', MailboxFilter(FilterKind.MAILBOXES, (b"a b", b"c"))),
    ],
)
def test_each_filter_is_known(text, node):
    for written in (text, text.replace(b"s", b"S").replace(b"box", b"BOX")):
        cursor = Cursor(written)
        assert MailboxFilter.parse(cursor, KINDS) == node
        cursor.end()
    assert node.unparse() == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "a mailbox filter wanted at octet 0"),
        (b"everything", "a mailbox filter wanted at octet 0"),
        (b"mailboxes", "a space wanted at octet 9"),
        (b"mailboxes ()", "a string wanted at octet 11"),
        (b"subtree (a", "')' wanted at octet 10"),
    ],
)
def test_what_is_no_filter_is_refused(text, reason):
    with pytest.raises(Malformed, match=re.escape(reason)):
        MailboxFilter.parse(Cursor(text), KINDS)


def test_a_command_takes_its_own_kinds_alone():
    with pytest.raises(Malformed):
        MailboxFilter.parse(
            Cursor(b"selected-delayed"), KINDS - {FilterKind.SELECTED_DELAYED}
        )


def test_a_filter_has_the_names_that_its_kind_wants():
    with pytest.raises(ValueError, match="names"):
        MailboxFilter(FilterKind.SUBTREE)
    with pytest.raises(ValueError, match="names"):
        MailboxFilter(FilterKind.PERSONAL, (b"a",))


names = st.lists(
    strategies.strings,
    min_size=1,
    max_size=4,
)


@given(st.sampled_from(FilterKind), names.map(tuple))
def test_parse_is_the_inverse_of_unparse(kind, some):
    node = MailboxFilter(kind, some if kind.has_names else ())
    frame = read_frame(node.unparse())
    assert MailboxFilter.parse(Cursor(frame.text, frame.literals), KINDS) == node
