"""Names of quota roots, and the responses that tell of them (RFC 9208 §4.2).

::

    * QUOTAROOT INBOX "#user/ann" "#user/ann/Archive"
    * QUOTA "#user/ann" (STORAGE 104 10240 MESSAGE 42 1000)

A root is named after its account, and the mailbox at its top where there is one: no
account's name has a slash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import uses_utf8
from imapd.syntax.mailbox import (
    InvalidMailboxName,
    canonical_inbox,
    check_name,
    decode_name,
    render_name,
)
from mailstore.quotas import QuotaRoot

_PREFIX = "#user/"


@dataclass(frozen=True, slots=True)
class RootName:
    """The account that a root is of, and the name at its top; empty: all of it."""

    account: str
    top: str

    @property
    def text(self) -> str:
        """The name as it is told."""
        return f"{_PREFIX}{self.account}" + (f"/{self.top}" if self.top else "")


def parse_root_name(context: Context, octets: bytes) -> RootName:
    """Read a root's name. Raises `No` when no root can have it."""
    try:
        text = decode_name(octets, utf8=uses_utf8(context))
        if not text.startswith(_PREFIX):
            raise No("there is no such quota root", "NONEXISTENT")
        account, slash, top = text.removeprefix(_PREFIX).partition("/")
        return RootName(account, check_name(canonical_inbox(top)) if slash else "")
    except InvalidMailboxName:
        raise No("there is no such quota root", "NONEXISTENT") from None


def _root_name(account: str, root: QuotaRoot, *, utf8: bool) -> bytes:
    return render_name(RootName(account, root.top).text, utf8=utf8)


def quota_response(account: str, root: QuotaRoot, *, utf8: bool) -> bytes:
    """Render a QUOTA response without ``* ``: what is limited, and its usage."""
    triplets = " ".join(
        [
            f"{resource.value} {root.usage.of(resource)} {root.limits.of(resource)}"
            for resource in root.limits.limited
        ]
    )
    name = _root_name(account, root, utf8=utf8)
    return b"QUOTA %b (%b)" % (name, triplets.encode("ascii"))


def quotaroot_response(
    mailbox: str, account: str, roots: Sequence[QuotaRoot], *, utf8: bool
) -> bytes:
    """Render a QUOTAROOT response without ``* ``."""
    names = [_root_name(account, root, utf8=utf8) for root in roots]
    return b" ".join([b"QUOTAROOT", render_name(mailbox, utf8=utf8), *names])
