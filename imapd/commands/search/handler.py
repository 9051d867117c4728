"""The command SEARCH: grammar, inverse and handler (RFC 3501 §6.4.4, §7.2.5).

::

    search          = "SEARCH" [SP "CHARSET" SP astring] 1*(SP search-key)

    a282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
    * SEARCH 2 84 882
    a282 OK SEARCH completed

A key is a value that says itself in the store's terms; how messages are looked
through is the store's business. What the client hasn't been told of is never found.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.plugs import SearchKey
from imapd.session.registry import Completed, Registry
from imapd.session.search_program import (
    known_to,
    lower_keys,
    message_numbers,
    parse_search_keys,
)
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring

_SLICE = 4_096  # numbers rendered at a time


@dataclass(frozen=True, slots=True)
class Search:
    """Find the messages of which all keys hold.

    ``answer`` is what they are told by: their numbers or their UIDs.
    """

    keys: tuple[SearchKey, ...]
    charset: bytes | None = None
    answer: type[NumberSet] = SequenceSet

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("there is at least one key")


def parse(answer: type[NumberSet], cursor: Cursor, registry: Registry) -> Search:
    """Take the arguments of SEARCH. Raises `Malformed`."""
    cursor.sp()
    charset = None
    if cursor.accept(b"CHARSET "):
        if cursor.utf8:
            # RFC 6855 §3: its strings are UTF-8 already.
            raise cursor.fail("no CHARSET after ENABLE UTF8=ACCEPT")
        charset = cursor.astring()
        cursor.sp()
    return Search(parse_search_keys(cursor, registry), charset, answer)


def unparse(node: Search) -> bytes:
    """Write the command as a client would."""
    words = [b"UID SEARCH" if node.answer is UidSet else b"SEARCH"]
    if node.charset is not None:
        words.append(b"CHARSET " + client_astring(node.charset))
    words.extend([key.unparse() for key in node.keys])
    return b" ".join(words)


async def run(context: Context, node: Search) -> Completed:
    """Answer with the numbers or UIDs of the messages found, ascending."""
    predicate = lower_keys(context, node.keys, node.charset)
    selected = context.selected
    found = known_to(selected.view, await selected.mailbox.search(predicate))
    by_uid = node.answer is UidSet
    reply = context.reply
    reply.write(b"* SEARCH")
    for at in range(0, len(found), _SLICE):
        uids = found[at : at + _SLICE]
        numbers = uids if by_uid else message_numbers(selected.view, uids)
        reply.write(_joined(list(numbers)))
        await reply.room()
    reply.write(b"\r\n")
    return Completed("UID SEARCH completed" if by_uid else "SEARCH completed")


def _joined(numbers: list[int]) -> bytes:
    """Render ``SP number`` for each; the text of a list is the fastest way."""
    return (" " + str(numbers)[1:-1].replace(",", "")).encode("ascii")
