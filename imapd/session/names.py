"""Mailbox names of a command's arguments, read with the answers that errors get."""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.syntax.mailbox import (
    InvalidMailboxName,
    ListPattern,
    check_name,
    decode_name,
)


def uses_utf8(context: Context) -> bool:
    """Tell whether names are UTF-8 in this session (RFC 6855 §3)."""
    return context.session.telling.utf8


def existing_name(context: Context, octets: bytes, *, trailing: bool = False) -> str:
    """Read the name of a mailbox that ought to exist.

    Raises `No` NONEXISTENT when no mailbox can have it.
    """
    try:
        name = decode_name(octets, utf8=uses_utf8(context))
        return check_name(name, trailing=trailing)
    except InvalidMailboxName as error:
        raise No(str(error), "NONEXISTENT") from None


def new_name(context: Context, octets: bytes, *, trailing: bool = False) -> str:
    """Read the name of a mailbox to be. Raises `No` CANNOT (RFC 5530 §3)."""
    try:
        name = decode_name(octets, utf8=uses_utf8(context))
        return check_name(name, trailing=trailing)
    except InvalidMailboxName as error:
        raise No(str(error), "CANNOT") from None


def list_pattern(context: Context, reference: bytes, *patterns: bytes) -> ListPattern:
    """Read the reference and the patterns of LIST.

    Raises `No` CANNOT for text that is no name, and for more than can be matched.
    """
    utf8 = uses_utf8(context)
    try:
        texts = [decode_name(pattern, utf8=utf8) for pattern in patterns]
        return ListPattern(decode_name(reference, utf8=utf8), *texts)
    except InvalidMailboxName as error:
        raise No(str(error), "CANNOT") from None
