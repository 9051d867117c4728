"""THREAD and UID THREAD: search, and say what answers what (RFC 5256).

::

    thread          = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
    search-criteria = charset 1*(SP search-key)

    thread-data     = "THREAD" [SP 1*thread-list]
    thread-list     = "(" (thread-members / thread-nested) ")"
    thread-members  = nz-number *(SP nz-number) [SP thread-nested]
    thread-nested   = 2*thread-list

    a THREAD REFERENCES UTF-8 ALL
    * THREAD (2)(3 6 (4 23)(44 7 96))
    a OK THREAD completed

THREAD=REFS is of draft-ietf-morg-inthread. The algorithms are the store's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imapd.session.bounds import cut_search
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.numbered import both_forms
from imapd.session.plugs import SearchKey
from imapd.session.registry import Capability, Completed, Effects, Feature, Registry
from imapd.session.search_program import lower_keys, parse_search_keys
from imapd.session.search_result import following
from imapd.session.view import View
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring
from mailstore.query import And, Predicate, Threading, Uids

_SLICE = 512  # messages rendered at a time
_ALGORITHMS = {one.value.encode("ascii"): one for one in Threading}


@dataclass(frozen=True, slots=True)
class Thread:
    """Find the messages of which all keys hold, and put them into threads.

    ``answer`` is what they are told by.
    """

    algorithm: Threading
    charset: bytes
    keys: tuple[SearchKey, ...]
    answer: type[NumberSet] = SequenceSet

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("there is at least one key")


def parse(answer: type[NumberSet], cursor: Cursor, registry: Registry) -> Thread:
    """Take the arguments of THREAD. Raises `Malformed`."""
    cursor.sp()
    start = cursor.at
    algorithm = _ALGORITHMS.get(cursor.atom().upper())
    if algorithm is None:
        cursor.at = start
        raise cursor.fail("a threading algorithm")
    cursor.sp()
    charset = cursor.astring()
    cursor.sp()
    return Thread(algorithm, charset, parse_search_keys(cursor, registry), answer)


def unparse(node: Thread) -> bytes:
    """Write the command as a client would."""
    return b"%b %b %b %b" % (
        b"UID THREAD" if node.answer is UidSet else b"THREAD",
        node.algorithm.value.encode("ascii"),
        client_astring(node.charset),
        b" ".join([key.unparse() for key in node.keys]),
    )


async def run(context: Context, node: Thread) -> Completed:
    """Answer with what was found, in threads. Raises `No` for too many messages."""
    by_uid = node.answer is UidSet
    selected, reply = context.selected, context.reply
    view = selected.view
    predicate = lower_keys(context, view, node.keys, node.charset)
    _, beyond = cut_search(context, view, predicate)
    if beyond is not None:
        # RFC 9738 §3.3: threads of some of the messages would be other ones.
        most = context.services.limits().message_limit
        raise No(f"{most} messages at most", f"MESSAGELIMIT {most}")
    predicate = _of_view(view, predicate)
    with context.at_work():
        forest = await selected.mailbox.thread(
            predicate, node.algorithm, context.session.comparator, following(context)
        )
    reply.write(b"* THREAD" + (b" " if forest.uids else b""))
    writer = ThreadWriter()
    for start in range(0, len(forest.uids), _SLICE):
        if start:
            await reply.give_way()
        uids = forest.uids[start : start + _SLICE]
        numbers = uids if by_uid else _numbers(view, uids)
        reply.write(writer.render(numbers, forest.degrees[start : start + _SLICE]))
    reply.write(b"\r\n")
    return Completed("UID THREAD completed" if by_uid else "THREAD completed")


def _of_view(view: View, predicate: Predicate) -> Predicate:
    """Leave out messages that the client hasn't been told of.

    Beforehand: they must not tie others together.
    """
    uids = view.mailbox.uids
    if not uids or uids[-1] <= view.largest_uid:
        return predicate
    return And((Uids(((1, view.largest_uid),)), predicate))


def _numbers(view: View, uids: Sequence[int]) -> list[int]:
    """Give message numbers; 0 stays 0."""
    table, end = view.uids, view.exists
    return [bisect_right(table, uid, 0, end) for uid in uids]


class ThreadWriter:
    """Renders threads, however deep, a piece at a time."""

    def __init__(self) -> None:
        self._left: list[int] = []  # children to come, of each list that has split
        self._member = False  # the next one is the only child of the last one

    def render(self, numbers: Iterable[int], degrees: Iterable[int]) -> bytes:
        """Render messages, depth first; 0 is a message that isn't there."""
        left, member = self._left, self._member
        pieces: list[str] = []
        for number, degree in zip(numbers, degrees, strict=True):
            if member:
                pieces.append(f" {number}")
            else:
                pieces.append(f"({number}" if number else "(")
            member = degree == 1
            if degree == 0:
                pieces.append(")")
                while left:
                    left[-1] -= 1
                    if left[-1]:
                        break
                    left.pop()
                    pieces.append(")")
            elif not member:
                left.append(degree)
                if number:
                    pieces.append(" ")
        self._member = member
        return "".join(pieces).encode("ascii")


FEATURE = Feature(
    name="THREAD",
    rfc=("5256",),
    capabilities=tuple(
        Capability(f"THREAD={algorithm.value}") for algorithm in Threading
    ),
    commands=both_forms(
        "THREAD",
        parse,
        unparse,
        run,
        rfc=("RFC 5256 §3", "RFC 5256 §3"),
        effects=Effects.HOLDS_REMOVALS,
    ),
    requires=("SEARCH",),
)
