"""What a session may do in its selected mailbox, told and kept to (RFC 4314 §5).

Rights may change while a mailbox is selected. Which flags are kept is told again when
it has changed (§5.1.1); who may no longer read is sent away: every other answer would
have to hide what the client counts on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from imapd.session.faults import Bye
from imapd.session.responses import flag_names, status
from mailstore.model import DELETED, SEEN, SYSTEM_FLAGS
from mailstore.rights import Right
from mailstore.service import Mailbox

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.state import Selected

_NOTE = "PERMANENTFLAGS"


def permanent_flags(mailbox: Mailbox) -> list[str]:
    """Give the flags that the client can change for good (RFC 3501 §7.1)."""
    return list(_kept(mailbox.settable, mailbox.keywords, mailbox.keywords_full))


@lru_cache(maxsize=256)
def _kept(settable: int, keywords: tuple[str, ...], full: bool) -> tuple[str, ...]:
    found = [flag for flag, bit in SYSTEM_FLAGS.items() if settable & bit]
    if settable & ~(SEEN | DELETED):
        found += keywords
        if not full:
            found.append("\\*")
    return tuple(found)


class _Told(NamedTuple):
    """Which flags are kept, as it was told last, and why."""

    mailbox: Mailbox
    rights: Right
    settable: int


def tell_flags_kept(context: Context, mailbox: Mailbox) -> tuple[bytes, bytes]:
    """Render FLAGS and PERMANENTFLAGS, without ``* ``, and remember what is told."""
    settable = mailbox.settable
    context.session.notes[_NOTE] = _Told(mailbox, mailbox.rights(), settable)
    language = context.session.telling.language
    return _flags_kept(settable, mailbox.keywords, mailbox.keywords_full, language)


@lru_cache(maxsize=128)
def _flags_kept(
    settable: int, keywords: tuple[str, ...], full: bool, language: str
) -> tuple[bytes, bytes]:
    names = " ".join(_kept(settable, keywords, full))
    code = f"PERMANENTFLAGS ({names})"
    return (
        b"FLAGS " + flag_names((*SYSTEM_FLAGS, *keywords)),
        status(b"OK", "flags that are kept", code, language),
    )


def keep_to_rights(context: Context, selected: Selected) -> None:
    """Look whether rights are as they were told. Raises `Bye`."""
    mailbox = selected.mailbox
    told = context.session.notes.get(_NOTE)
    if not isinstance(told, _Told) or told.mailbox is not mailbox:
        told = None
    elif told.rights is mailbox.rights() and not mailbox.lost:
        return  # as when it was opened, or told of last: it could be read then
    if not mailbox.gone and not mailbox.readable:
        if mailbox.lost:
            raise Bye("the index of this mailbox was replaced", "UNAVAILABLE")
        raise Bye("you may no longer read this mailbox")
    if told is None:
        return
    if told.settable != mailbox.settable:
        context.reply.untagged(*tell_flags_kept(context, mailbox))
    else:
        context.session.notes[_NOTE] = told._replace(rights=mailbox.rights())
