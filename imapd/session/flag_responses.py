"""FETCH responses that tell flags, by the batch (RFC 3501 §7.4.2).

FETCH, STORE and the implicit \\Seen tell flags of many messages at once. It must not
know why they are told. Example::

    * 23 FETCH (UID 4827313 FLAGS (\\Seen))
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from imapd.session.reply import Reply
from imapd.session.responses import flag_list

if TYPE_CHECKING:
    from imapd.session.view import View

_BATCH = 512
_TURN = 2_048  # messages that nothing is said of, until others have their turn
_ALIKE = 8  # messages from which on it pays to look whether they are alike


Form = Callable[[bytes], bytes]


def _plainly(flags: bytes) -> bytes:
    return flags


class _Texts(dict[int, bytes]):
    """Flag lists by mask in some form, rendered when first asked for."""

    def __init__(self, view: View, form: Form, *, recent: bool) -> None:
        super().__init__()
        self._view = view
        self._form = form
        self._recent = recent

    def __missing__(self, mask: int) -> bytes:
        # The mailbox may have got keywords since the last one.
        flags = flag_list(mask, self._view.mailbox.keywords, recent=self._recent)
        text = self[mask] = self._form(flags)
        return text


class FlagTexts:
    """Flag lists of a view's messages, parentheses included; made once per command.

    ``form`` makes of each what `render` gives.
    """

    __slots__ = ("_plain", "_recent", "_view")

    def __init__(self, view: View, form: Form = _plainly) -> None:
        self._view = view
        self._plain = _Texts(view, form, recent=False)
        self._recent = _Texts(view, form, recent=True)

    def render(self, uids: Sequence[int], masks: Sequence[int]) -> list[bytes]:
        """Render the flags of messages; ``uids`` ascend."""
        recent, plain = self._view.recent, self._plain.__getitem__
        if not uids or not recent or uids[-1] < recent[0][0] or uids[0] > recent[-1][1]:
            return list(map(plain, masks))
        found: list[bytes] = []
        end = 0
        for low, high in recent[bisect_left(recent, uids[0], key=itemgetter(1)) :]:
            if end == len(uids) or low > uids[-1]:
                break
            start = bisect_left(uids, low, end)
            found += map(plain, masks[end:start])
            end = bisect_right(uids, high, start)
            found += map(self._recent.__getitem__, masks[start:end])
        found += map(plain, masks[end:])
        return found


@lru_cache(maxsize=1_024)
def _line(fetch: bytes, flags: bytes, *, uid: bool, modseq: bool) -> bytes:
    """Give the template of a FETCH response; without ``flags`` these are left out."""
    items = [
        b"UID %d" if uid else b"",
        b"FLAGS " + flags.replace(b"%", b"%%") if flags else b"",
        b"MODSEQ (%d)" if modseq else b"",
    ]
    return b"* %%d %b (%b)\r\n" % (fetch, b" ".join(filter(None, items)))


class _Lines:
    """FETCH responses of flags, in the form that the session is told them in."""

    def __init__(self, view: View, *, with_uid: bool) -> None:
        self._view = view
        self._telling = telling = view.telling
        self._with_uid = telling.with_uid(with_uid)
        self._loud = FlagTexts(view, self._line)
        self._silent = self._line(b"")

    def _line(self, flags: bytes) -> bytes:
        telling = self._telling
        return _line(telling.fetch, flags, uid=self._with_uid, modseq=telling.modseqs)

    def render(
        self,
        uids: Sequence[int],
        masks: Sequence[int],
        modseqs: Sequence[int],
        loud: Collection[int] | None,
    ) -> bytes:
        """Render a batch, by one ``%`` of numbers alone: flags are in the template."""
        lines = self._loud.render(uids, masks)
        if loud is not None:
            pairs = zip(uids, lines, strict=True)
            lines = [line if uid in loud else self._silent for uid, line in pairs]
        names = self._view.names(uids)
        columns = [names, uids] if self._with_uid else [names]
        if self._telling.modseqs:
            columns.append(modseqs)
        if len(columns) > 1:
            numbers = tuple(chain.from_iterable(zip(*columns, strict=True)))
        elif len(lines) >= _ALIKE and lines.count(lines[0]) == len(lines):
            return _alike(lines[0], names)
        else:
            numbers = tuple(names)
        return b"".join(lines) % numbers


def _alike(line: bytes, names: Sequence[int]) -> bytes:
    """Render the same line with another number each.

    Python writes a list of numbers ten times faster than it formats lines, and what
    is between the numbers is replaced at once.
    """
    head, end = (line % 0).split(b"0", 1)
    numbers = repr(list(names)).encode("ascii")
    return head + numbers[1:-1].replace(b", ", end + head) + end


@dataclass(frozen=True, slots=True)
class Quietly:
    """Flags that are left out, since the client knows them by its own reckoning.

    Not those of messages that are ``external`` or ``failed``, by ascending UIDs, nor of
    what has changed behind the mod-sequence ``upto``.
    """

    external: array[int]
    failed: array[int]
    upto: int

    def loud(self, view: View, uids: Sequence[int]) -> frozenset[int]:
        """Give those of a batch whose flags are to be told now."""
        if not uids:
            return frozenset()
        loud: set[int] = set()
        for others in (self.external, self.failed):
            start = bisect_left(others, uids[0])
            loud.update(others[start : bisect_right(others, uids[-1])])
        if view.mailbox.modseq > self.upto:
            pairs = zip(uids, view.mailbox.modseqs(uids), strict=True)
            loud.update([uid for uid, modseq in pairs if modseq > self.upto])
        return frozenset(loud)


def _render_one(view: View, uid: int, *, with_uid: bool) -> bytes:
    """Render one message, as clients change one at a time; nothing if it is gone."""
    mailbox, telling = view.mailbox, view.telling
    mask, number = mailbox.flags(uid), view.number(uid)
    if mask is None or number is None:
        return b""
    flags = flag_list(mask, mailbox.keywords, recent=view.is_recent(uid))
    by_uid = telling.with_uid(with_uid)
    numbers = [uid if telling.uid_only else number]
    if by_uid:
        numbers.append(uid)
    if telling.modseqs:
        numbers += mailbox.modseqs((uid,))
    line = _line(telling.fetch, flags, uid=by_uid, modseq=telling.modseqs)
    return line % tuple(numbers)


async def tell_flags(
    view: View,
    reply: Reply,
    uids: Sequence[int],
    *,
    with_uid: bool,
    quietly: Quietly | None = None,
    known: bool = False,
) -> None:
    """Send FETCH responses of flags; UIDs ascend and are of the view.

    Each batch has the flags and mod-sequences of its moment. What is told ``quietly``
    is told without flags: with mod-sequences these alone are told (RFC 7162 §3.1.3),
    without them nothing is. The view notes what was told, so that the client doesn't
    hear it twice, unless that is ``known`` otherwise.
    """
    if not known:
        view.note_told(uids, view.mailbox.modseq)
    if len(uids) == 1 and quietly is None:
        reply.write(_render_one(view, uids[0], with_uid=with_uid))
        await reply.pace()
        return
    lines = _Lines(view, with_uid=with_uid)
    for at in range(0, len(uids), _BATCH):
        some, masks = view.mailbox.masks(uids[at : at + _BATCH])
        modseqs = view.mailbox.modseqs(some) if view.telling.modseqs else ()
        loud = None if quietly is None else quietly.loud(view, some)
        if loud is not None and not view.telling.modseqs:
            rows = [row for row in zip(some, masks, strict=True) if row[0] in loud]
            some, masks = [uid for uid, _ in rows], [mask for _, mask in rows]
        if some:
            reply.write(lines.render(some, masks, modseqs, loud))
            await reply.pace()
        elif at % _TURN == _TURN - _BATCH:
            await reply.stand_aside()
