"""STATUS responses for mailboxes that are not selected (RFC 5465 §3.1, §5.1 to §5.3).

::

    * STATUS Lists (MESSAGES 501 UIDNEXT 10000 UIDVALIDITY 4 UNSEEN 3)

More than an event demands is told: the number of unread messages, which is what people
see, has no event of its own.
"""

from __future__ import annotations

from imapd.extensions.notify.interests import Interests
from imapd.extensions.notify.syntax import MESSAGE_NEW
from imapd.syntax.mailbox import render_name
from mailstore.model import MailboxChange, MailboxCounts, MailboxEntry


def initial_counts(
    entry: MailboxEntry,
    counts: MailboxCounts,
    interests: Interests,
    *,
    modseqs: bool,
    utf8: bool,
) -> bytes | None:
    """Give what STATUS in NOTIFY SET makes the server tell of a mailbox, if anything.

    ``modseqs`` tells whether the server has mod-sequences at all (§3.1).
    """
    if not interests.want(MESSAGE_NEW, entry):
        return None
    with_modseq = modseqs and interests.want_changes(entry)
    return _response(entry, counts, messages=True, modseq=with_modseq, utf8=utf8)


def changed_counts(
    entry: MailboxEntry,
    counts: MailboxCounts,
    change: MailboxChange,
    interests: Interests,
    *,
    modseqs: bool,
    utf8: bool,
) -> bytes | None:
    """Give what is to be told of a change, if anything.

    ``modseqs`` tells whether the client has enabled mod-sequences.
    """
    if not interests.want(MESSAGE_NEW, entry):
        return None
    if change.messages or change.uidvalidity:
        return _response(entry, counts, messages=True, modseq=modseqs, utf8=utf8)
    # §5.1: without mod-sequences a client can only be told how many are unread.
    news = change.unseen or (change.modseq and modseqs)
    if not news or not interests.want_changes(entry):
        return None
    return _response(entry, counts, messages=False, modseq=modseqs, utf8=utf8)


def _response(
    entry: MailboxEntry,
    counts: MailboxCounts,
    *,
    messages: bool,
    modseq: bool,
    utf8: bool,
) -> bytes:
    items = [
        f"MESSAGES {counts.messages} UIDNEXT {counts.uidnext}" if messages else "",
        f"UIDVALIDITY {counts.uidvalidity} UNSEEN {counts.unseen}",
        f"HIGHESTMODSEQ {counts.highestmodseq}" if modseq else "",
    ]
    written = " ".join(filter(None, items)).encode("ascii")
    return b"STATUS %b (%b)" % (render_name(entry.name, utf8=utf8), written)
