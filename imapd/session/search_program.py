"""Search keys of any command that searches: their grammar, and what the store is asked.

RFC 3501 §6.4.4, §9 ``search-key``. It knows sets and lists; every other key comes from
a feature by its `SearchKeySpec`. SEARCH, and extensions as SORT, share it. Example::

    (2:4 OR SEEN NOT FROM "Smith")
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.plugs import Inserted, SearchEnvironment, SearchKey
from imapd.session.registry import Registry
from imapd.session.view import View
from imapd.syntax.charset import CHARSETS, codec_of
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.encode import ranges
from mailstore.found import Found
from mailstore.query import (
    DEFAULT_COMPARATOR,
    And,
    Predicate,
    Uids,
    collated,
    leaves,
)

_KEY_NAME = re.compile(rb"\$|[A-Za-z][A-Za-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True)
class NumberKey:
    """A set of message numbers or, behind the word UID, of UIDs (§6.4.4)."""

    numbers: NumberSet

    def unparse(self) -> bytes:
        """Write the key."""
        prefix = b"UID " if isinstance(self.numbers, UidSet) else b""
        return prefix + self.numbers.unparse()

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Turn numbers into ranges of UIDs, without naming each.

        Between the UIDs of two messages of the view there are no others than those
        of the view. Numbers beyond the mailbox name nothing (RFC 7377 §2).
        """
        view = environment.view
        if self.numbers.saved:
            return Uids(tuple(ranges(view.saved)))
        if isinstance(self.numbers, UidSet):
            return Uids(self.numbers.resolve(environment.largest_uid))
        if view.telling.uid_only:
            raise Bad("messages have UIDs here, no numbers", "UIDREQUIRED")
        if view.telling.vanished:
            # RFC 7162 §3.2.10.2: no VANISHED during a search that counts by number.
            environment.context.counts_by_number = True
        uids, last = view.uids, view.exists
        return Uids(
            tuple(
                [
                    (uids[low - 1], uids[min(high, last) - 1])
                    for low, high in self.numbers.resolve(last)
                    if low <= last
                ]
            )
        )


@dataclass(frozen=True, slots=True)
class AllOf:
    """Keys in parentheses: all of them hold."""

    keys: tuple[SearchKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("there is at least one key in parentheses")

    def unparse(self) -> bytes:
        """Write the key."""
        return b"(%b)" % b" ".join([key.unparse() for key in self.keys])

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return And(tuple([key.lower(environment) for key in self.keys]))


def parse_search_key(cursor: Cursor, registry: Registry) -> SearchKey:
    """Take one search key: a set, a list, or one that a feature brought.

    The depth of nesting is bounded by the cursor. Raises `Malformed`.
    """
    following = cursor.peek()
    if following.isdigit() or following == b"*":
        return NumberKey(SequenceSet.parse(cursor))
    if following == b"(":
        return AllOf(
            cursor.parenthesised(lambda: parse_search_key(cursor, registry), least=1)
        )
    start = cursor.at
    name = cursor.need(_KEY_NAME, "a search key")[0].decode("ascii").upper()
    spec = registry.search_keys.get(name)
    if spec is None:
        cursor.at = start
        raise cursor.fail("a search key")
    with cursor.nested():
        return spec.parse(cursor, registry)


def parse_charset(cursor: Cursor) -> bytes | None:
    """Take ``"CHARSET" SP astring SP`` if it is there. Raises `Malformed`."""
    if not cursor.accept(b"CHARSET "):
        return None
    if not cursor.charsets:
        # RFC 6855 §3: its strings are UTF-8 already.
        raise cursor.fail("no CHARSET after ENABLE UTF8=ACCEPT")
    charset = cursor.astring()
    cursor.sp()
    return charset


def parse_search_keys(cursor: Cursor, registry: Registry) -> tuple[SearchKey, ...]:
    """Take keys to the end of the command, at least one. Raises `Malformed`."""
    keys = [parse_search_key(cursor, registry)]
    while cursor.peek() == b" ":
        cursor.sp()
        keys.append(parse_search_key(cursor, registry))
    cursor.end()
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class Environment:
    """What lowering a key may ask for; see `SearchEnvironment`."""

    context: Context
    view: View
    codec: str
    inserted: Inserted = field(default_factory=Inserted)
    live: View | None = None  # for a search that goes on: how the mailbox is now

    @property
    def largest_uid(self) -> int:
        """The UID that ``*`` stands for, 0 in an empty mailbox."""
        if self.live is None:
            return self.view.largest_uid
        uids = self.live.mailbox.uids
        return uids[-1] if uids else 0

    @property
    def recent(self) -> Sequence[tuple[int, int]]:
        """UID ranges that are \\Recent in this session."""
        return (self.live or self.view).recent

    def decode(self, text: bytes) -> str:
        """Decode a search string. Raises `Bad` when it isn't of its charset."""
        try:
            return text.decode(self.codec)
        except UnicodeError:
            raise Bad("a search string is not of its charset") from None

    def now(self) -> float:
        """Wall clock in seconds."""
        return self.context.services.runtime.now()


def lower_keys(
    context: Context, view: View, keys: Sequence[SearchKey], charset: bytes | None
) -> Predicate:
    """Say keys, all of which are to hold, in the store's terms.

    ``view`` is that of the mailbox that is searched. Without ``charset`` strings are
    UTF-8: US-ASCII is a part of it, and clients send it without saying so. Raises
    `No` for an unknown charset and for too many keys, `Bad` for a string that isn't
    of its charset.
    """
    return lower_in(environment_of(context, view, charset), keys)


def environment_of(
    context: Context, view: View, charset: bytes | None, *, live: View | None = None
) -> Environment:
    """Give what keys are lowered in. Raises `No` for an unknown charset."""
    codec = "utf-8" if charset is None else codec_of(charset)
    if codec is None:
        # RFC 3501 §7.1: BADCHARSET tells which ones are possible.
        raise No("unknown charset", f"BADCHARSET ({' '.join(CHARSETS)})")
    return Environment(context, view, codec, live=live)


def lower_in(where: Environment, keys: Sequence[SearchKey]) -> Predicate:
    """Say keys in the store's terms; as `lower_keys`."""
    context = where.context
    where.inserted.octets = 0
    terms = tuple([key.lower(where) for key in keys])
    predicate: Predicate = terms[0] if len(terms) == 1 else And(terms)
    collation = context.session.comparator.collation
    if collation is not DEFAULT_COMPARATOR.collation:
        predicate = collated(predicate, collation)
    most = context.services.limits().search_keys
    if len(leaves(predicate)) > most:
        raise No(f"a search may have {most} keys at most", "LIMIT")
    return predicate


def known_to(view: View, found: Sequence[int]) -> Sequence[int]:
    """Leave out the messages that the client hasn't been told of.

    ``found`` are ascending UIDs of the store. New messages come behind all that a
    view has, so it is a cut (RFC 3501 §7.3.1: EXISTS comes first).
    """
    if isinstance(found, Found):
        return found.until(view.largest_uid)
    return found[: bisect_right(found, view.largest_uid)]


def message_numbers(view: View, uids: Sequence[int]) -> Sequence[int]:
    """Give the numbers of ascending UIDs of the view, fast for many of them.

    Its time is that of the stretch of the view that they lie in, or of a search for
    each, whichever is less.
    """
    if not uids:
        return ()
    low = bisect_left(view.uids, uids[0], 0, view.exists)
    high = bisect_right(view.uids, uids[-1], low, view.exists)
    if high - low == len(uids):
        return range(low + 1, high + 1)
    if uids[-1] - uids[0] == high - 1 - low:
        # No UID is missing there, as in mailboxes of which nothing was expunged.
        before = uids[0] - (low + 1)
        return [uid - before for uid in uids] if before else uids
    if high - low > 8 * len(uids):
        return view.numbers(uids)
    marks = map(set(uids).__contains__, view.uids[low:high])
    return list(compress(range(low + 1, high + 1), marks))
