"""Which mailboxes a filter covers (RFC 5465 §6, RFC 7377 §2.2)."""

import pytest

from imapd.session.mailbox_scope import MailboxScope, merged
from imapd.syntax.mailbox_filter import FilterKind, MailboxFilter
from imapd.wire.cursor import Cursor
from mailstore.model import MailboxEntry
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer

CONTEXT = Peer(World()).context


def entry(
    name: str, *, selectable: bool = True, subscribed: bool = False
) -> MailboxEntry:
    return MailboxEntry(
        name,
        exists=True,
        selectable=selectable,
        has_children=False,
        subscribed=subscribed,
    )


ENTRIES = (
    entry("INBOX", subscribed=True),
    entry("a"),
    entry("a/b"),
    entry("a/b/c", subscribed=True),
    entry("ab"),
    entry("gone", selectable=False, subscribed=True),
    entry("ü"),
)


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        (b"personal", ["INBOX", "a", "a/b", "a/b/c", "ab", "ü"]),
        (b"inboxes", ["INBOX", "a", "a/b", "a/b/c", "ab", "ü"]),
        (b"subscribed", ["INBOX", "a/b/c"]),
        (b"subtree a", ["a", "a/b", "a/b/c"]),
        (b"subtree a/", ["a", "a/b", "a/b/c"]),
        (b"subtree (a/b ab)", ["a/b", "a/b/c", "ab"]),
        (b"subtree-one a", ["a", "a/b"]),
        (b"subtree-one inbox", ["INBOX"]),
        (b"mailboxes (inbox a/b nowhere)", ["INBOX", "a/b"]),
        (b'mailboxes "a*"', []),
        (b"mailboxes gone", []),
        (b"mailboxes &APw-", ["ü"]),
        (b"mailboxes &APw", []),
        (b"selected", []),
        (b"selected-delayed", []),
    ],
)
def test_a_filter_covers_what_it_says(text, covered):
    chosen = MailboxFilter.parse(Cursor(text), frozenset(FilterKind))
    scope = MailboxScope.of(CONTEXT, chosen)
    assert [one.name for one in ENTRIES if scope.covers(one)] == covered


def test_many_filters_are_as_many_as_there_are_kinds():
    tree, some = FilterKind.SUBTREE, FilterKind.MAILBOXES
    scopes = [MailboxScope(tree, frozenset([f"a{at}"])) for at in range(1_000)]
    scopes += [MailboxScope(some, frozenset(["b"])), MailboxScope(FilterKind.PERSONAL)]
    assert merged(scopes) == [
        MailboxScope(tree, frozenset([f"a{at}" for at in range(1_000)])),
        MailboxScope(some, frozenset(["b"])),
        MailboxScope(FilterKind.PERSONAL),
    ]
