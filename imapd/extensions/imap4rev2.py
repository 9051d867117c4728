"""IMAP4rev2: the newer base protocol, beside the older one (RFC 9051).

::

    C: a ENABLE IMAP4rev2
    S: * ENABLED IMAP4rev2
    C: b SELECT INBOX
    S: * LIST (\\HasNoChildren) "/" INBOX
    …
    C: c SEARCH UNSEEN
    S: * ESEARCH (TAG "c") ALL 4,7:9

What it folds in is brought by other features, which it requires; this one turns the
switches of `imapd.session.telling` that make the rest of appendix E. Commands and items
that it removes stay: they are IMAP4rev1's.
"""

from __future__ import annotations

from collections.abc import Awaitable

from imapd.session.context import Context
from imapd.session.listing import list_response, name_attributes
from imapd.session.registry import Capability, Enabling, Feature
from imapd.session.state import Selected, SessionState
from imapd.syntax.mailbox import render_name

_NAME = "IMAP4rev2"


def enable(session: SessionState) -> None:
    """Speak as RFC 9051 appendix E wants it."""
    telling = session.telling
    telling.esearch = True  # 4
    telling.recent = False  # 11, 12
    telling.utf8 = True  # 16
    telling.uids = True  # 21
    telling.global_messages = True  # §9
    telling.old_names = True  # §6.3.9.7


def name_selected(
    context: Context, selected: Selected
) -> Awaitable[bytes | None] | None:
    """Tell the name of the mailbox that was selected (§6.3.2).

    Who wrote it in another way, as ``inbox``, is told that too (§6.3.9.7).
    """
    if _NAME.upper() not in context.session.enabled:
        return None
    return _name_line(context, selected)


async def _name_line(context: Context, selected: Selected) -> bytes:
    name = selected.mailbox.name
    entries = await context.account.mailboxes()
    entry = next((one for one in entries if one.name == name), None)
    attributes = [] if entry is None else name_attributes(context.registry, entry)
    extended: tuple[tuple[str, bytes], ...] = ()
    if selected.written != name.encode("utf-8"):
        old = render_name(selected.written.decode("utf-8"), utf8=True)
        extended = (("OLDNAME", b"(%b)" % old),)
    return list_response(name, attributes, extended, utf8=True)


FEATURE = Feature(
    name=_NAME,
    rfc=("9051",),
    capabilities=(Capability(_NAME),),
    select_responses=(name_selected,),
    enables=(Enabling(_NAME.upper(), enable, spelling=_NAME),),
    requires=(
        "IMAP4rev1",
        "BINARY",
        "ENABLE",
        "ESEARCH",
        "IDLE",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "MOVE",
        "NAMESPACE",
        "SASL-IR",
        "SEARCHRES",
        "SPECIAL-USE",
        "STATUS-DELETED",
        "STATUS=SIZE",
        "UIDPLUS",
        "UNSELECT",
    ),
)
