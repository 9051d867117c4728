"""The command SEARCH: grammar, inverse and handler (RFC 3501 §6.4.4, RFC 4466 §2.6).

::

    search          = "SEARCH" [search-return-opts] [SP "CHARSET" SP astring]
                      1*(SP search-key)

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
from imapd.session.search_program import parse_charset, parse_search_keys
from imapd.session.search_result import ReturnOption, Searching
from imapd.session.searching import parse_returns, run_searching, unparse_returns
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring


@dataclass(frozen=True, slots=True)
class Search:
    """Find the messages of which all keys hold.

    ``answer`` is what they are told by: their numbers or their UIDs. ``returns`` is
    None for a command without RETURN.
    """

    keys: tuple[SearchKey, ...]
    charset: bytes | None = None
    answer: type[NumberSet] = SequenceSet
    returns: tuple[ReturnOption, ...] | None = None

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("there is at least one key")


def parse(answer: type[NumberSet], cursor: Cursor, registry: Registry) -> Search:
    """Take the arguments of SEARCH. Raises `Malformed`."""
    returns = parse_returns(cursor, registry, registry.search_returns)
    cursor.sp()
    charset = parse_charset(cursor)
    return Search(parse_search_keys(cursor, registry), charset, answer, returns)


def unparse(node: Search) -> bytes:
    """Write the command as a client would."""
    name = b"UID SEARCH" if node.answer is UidSet else b"SEARCH"
    words = [name + unparse_returns(node.returns)]
    if node.charset is not None:
        words.append(b"CHARSET " + client_astring(node.charset))
    words.extend([key.unparse() for key in node.keys])
    return b" ".join(words)


async def run(context: Context, node: Search) -> Completed:
    """Answer with what was found, in the order of the mailbox."""
    by_uid = node.answer is UidSet
    returns = node.returns
    if returns is None and context.session.telling.esearch:
        returns = ()
    return await run_searching(
        Searching(
            context,
            node.keys,
            node.charset,
            returns,
            context.registry.search_returns,
            by_uid=by_uid,
        ),
        "UID SEARCH completed" if by_uid else "SEARCH completed",
    )
