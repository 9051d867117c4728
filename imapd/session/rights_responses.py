"""Responses that tell rights (RFC 4314 §3.6 to §3.8), for whoever tells them.

::

    * ACL INBOX ann lrswipkxteancd bob lr
    * LISTRIGHTS INBOX bob "" l r s w i p k x t e a n c d
    * MYRIGHTS INBOX lrs
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.syntax.mailbox import render_name
from imapd.wire.encode import astring
from mailstore.rights import LETTERS, VIRTUAL, Right, write_rights


def render_rights(rights: Right) -> bytes:
    """Write rights as clients read them, older ones too (§2.1.1)."""
    return astring(write_rights(rights, virtual=True).encode("ascii"))


def myrights_response(name: str, rights: Right, *, utf8: bool = False) -> bytes:
    """Render one's own rights, without ``* ``."""
    return b"MYRIGHTS %b %b" % (render_name(name, utf8=utf8), render_rights(rights))


def acl_response(
    name: str, entries: Iterable[tuple[str, Right]], *, utf8: bool = False
) -> bytes:
    """Render a list of rights, without ``* ``."""
    words = [b"ACL", render_name(name, utf8=utf8)]
    for identifier, rights in entries:
        words += [astring(identifier.encode("utf-8")), render_rights(rights)]
    return b" ".join(words)


def listrights_response(
    name: str, identifier: bytes, always: Right, optional: Right, *, utf8: bool = False
) -> bytes:
    """Render what an identifier may be given, without ``* ``. No right is tied.

    The identifier is as the client wrote it (§3.4).
    """
    each = [letter for letter, right in LETTERS.items() if right & optional]
    each += [letter for letter, some in VIRTUAL.items() if some & optional]
    return b" ".join(
        [
            b"LISTRIGHTS",
            render_name(name, utf8=utf8),
            astring(identifier),
            astring(write_rights(always).encode("ascii")),
            *(letter.encode("ascii") for letter in each),
        ]
    )
