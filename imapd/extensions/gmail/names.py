"""Labels: mailboxes by their names, and some by what they are for.

::

    label           = astring / "\\" atom     ; modified UTF-7, as a mailbox's name

Gmail writes its own labels quoted, ``"\\\\Inbox"``, and programs send them both ways.
``\\Starred`` is the flag \\Flagged, ``\\Important`` the keyword $Important: both
belong to the message in the mailbox that is selected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import new_name
from imapd.syntax.mailbox import render_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring, string
from mailstore.model import INBOX, Label, MailboxEntry, SpecialUse
from mailstore.service import Mailbox

INBOX_LABEL = "\\Inbox"
STARRED = "\\Starred"
IMPORTANT = "\\Important"
IMPORTANT_KEYWORD = "$Important"
LABEL_OF: Mapping[SpecialUse, str] = {
    SpecialUse.DRAFTS: "\\Draft",
    SpecialUse.IMPORTANT: IMPORTANT,
    SpecialUse.JUNK: "\\Spam",
    SpecialUse.SENT: "\\Sent",
    SpecialUse.TRASH: "\\Trash",
}
_USE_OF: Mapping[str, SpecialUse] = {
    **{label.lower(): use for use, label in LABEL_OF.items()},
    "\\drafts": SpecialUse.DRAFTS,
    "\\junk": SpecialUse.JUNK,
}
_FLAGS: Mapping[str, str] = {
    "\\starred": STARRED,
    "\\flagged": STARRED,
    "\\important": IMPORTANT,
}
_SYSTEM = re.compile(rb"\\[A-Za-z]{1,32}")


def is_own(context: Context, mailbox: Mailbox) -> bool:
    """Tell whether a mailbox is one's own: the others beside it are too."""
    return mailbox.labels.owner == context.account.id


def check_own(context: Context, mailbox: Mailbox) -> None:
    """Refuse what would tell of somebody else's mailboxes. Raises `No`."""
    if not is_own(context, mailbox):
        raise No("labels are told and changed in your own mailboxes", "CANNOT")


def parse_label(cursor: Cursor) -> bytes:
    """Take a label as octets. Raises `Malformed`."""
    found = cursor.match(_SYSTEM)
    return cursor.astring() if found is None else found[0]


def unparse_label(label: bytes) -> bytes:
    """Write a label as a client would."""
    return client_astring(label)


def use_of(label: str) -> SpecialUse | None:
    """Give what the mailbox of one of Gmail's own labels is for."""
    return _USE_OF.get(label.lower())


def flag_of(label: str) -> str | None:
    """Give the label's one spelling if it is a flag here."""
    return _FLAGS.get(label.lower())


def system_label(octets: bytes) -> str | None:
    """Give one of Gmail's own labels. Raises `No` for one that isn't known."""
    if not octets.startswith(b"\\"):
        return None
    label = octets.decode("latin-1")
    known = (INBOX_LABEL.lower(), *_USE_OF, *_FLAGS)
    if label.lower() not in known:
        raise No("there is no such label here", "CANNOT")
    return label


def mailbox_of(context: Context, octets: bytes, entries: Iterable[MailboxEntry]) -> str:
    """Give the mailbox that a label stands for, which may be missing.

    Raises `No` when no mailbox of one's own can have the name, or none has the use.
    """
    label = system_label(octets)
    if label is None:
        name = new_name(context, octets)
        if context.account.elsewhere(name) is not None:
            # It would be made beside the one that it names, and hide that.
            raise No("labels are told and changed in your own mailboxes", "CANNOT")
        return name
    if label.lower() == INBOX_LABEL.lower():
        return INBOX
    use = use_of(label)
    for entry in entries:
        if use is not None and entry.special_use is use and entry.selectable:
            return entry.name
    raise No("no mailbox here is what the label stands for", "CANNOT")


def label_of(label: Label, *, utf8: bool) -> bytes:
    """Write the label of a mailbox for a response."""
    if label.name == INBOX:
        return string(INBOX_LABEL.encode("ascii"))
    if label.special_use is not None and label.special_use in LABEL_OF:
        return string(LABEL_OF[label.special_use].encode("ascii"))
    return render_name(label.name, utf8=utf8)
