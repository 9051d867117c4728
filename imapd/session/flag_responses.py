"""FETCH responses that tell flags, by the batch (RFC 3501 §7.4.2).

FETCH, STORE and the implicit \\Seen tell flags of many messages at once. It must not
know why they are told. Example::

    * 23 FETCH (UID 4827313 FLAGS (\\Seen))
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from imapd.session.reply import Reply
from imapd.session.responses import flag_list

if TYPE_CHECKING:
    from imapd.session.view import View

_BATCH = 512
_TURN = 2_048  # messages that nothing is said of, until others have their turn
_ALIKE = 8  # messages from which on it pays to look whether they are alike


class _Texts(dict[int, bytes]):
    """Flag lists by mask, rendered when first asked for."""

    def __init__(self, view: View, *, recent: bool) -> None:
        super().__init__()
        self._view = view
        self._recent = recent

    def __missing__(self, mask: int) -> bytes:
        # The mailbox may have got keywords since the last one.
        text = flag_list(mask, self._view.mailbox.keywords, recent=self._recent)
        self[mask] = text
        return text


class FlagTexts:
    """Flag lists of a view's messages; made once per command."""

    __slots__ = ("_plain", "_recent", "_view")

    def __init__(self, view: View) -> None:
        self._view = view
        self._plain = _Texts(view, recent=False)
        self._recent = _Texts(view, recent=True)

    def render(self, uids: Sequence[int], masks: Sequence[int]) -> list[bytes]:
        """Render the flags of messages, parentheses included; ``uids`` ascend."""
        recent = self._view.recent
        if not uids or not recent or uids[-1] < recent[0][0] or uids[0] > recent[-1][1]:
            return list(map(self._plain.__getitem__, masks))
        is_recent = self._view.is_recent
        return [
            (self._recent if is_recent(uid) else self._plain)[mask]
            for uid, mask in zip(uids, masks, strict=True)
        ]


class _Lines:
    """FETCH responses of flags, in the form that the session is told them in."""

    def __init__(self, view: View, *, with_uid: bool) -> None:
        self._view = view
        self._texts = FlagTexts(view)
        self._telling = telling = view.telling
        # RFC 7162 §3.2.4: UID and MODSEQ go together.
        self._with_uid = (
            with_uid or telling.modseqs or telling.uids
        ) and not telling.uid_only
        self._loud = self._line(b"FLAGS %b")
        self._silent = self._line(b"")

    def _line(self, flags: bytes) -> bytes:
        items = [
            b"UID %d" if self._with_uid else b"",
            flags,
            b"MODSEQ (%d)" if self._telling.modseqs else b"",
        ]
        return b"* %%d %b (%b)\r\n" % (
            self._telling.fetch,
            b" ".join(filter(None, items)),
        )

    def render(
        self,
        uids: Sequence[int],
        masks: Sequence[int],
        modseqs: Sequence[int],
        loud: Collection[int] | None,
    ) -> bytes:
        """Render a batch, by one ``%`` unless only some are silent."""
        quiet = [False] if loud is None else [uid not in loud for uid in uids]
        if not self._with_uid and not modseqs and not any(quiet):
            lines = self._alike(uids, masks)
            if lines is not None:
                return lines
        names: list[Sequence[object]] = [self._view.names(uids)]
        if self._with_uid:
            names.append(uids)
        flags = [] if all(quiet) else [self._texts.render(uids, masks)]
        ends = [modseqs] if self._telling.modseqs else []
        values = zip(*names, *flags, *ends, strict=True)
        if all(quiet) or not any(quiet):
            line = self._silent if all(quiet) else self._loud
            return (line * len(uids)) % tuple(chain.from_iterable(values))
        place = len(names)
        return b"".join(
            [
                self._silent % (*row[:place], *row[place + 1 :])
                if silently
                else self._loud % row
                for silently, row in zip(quiet, values, strict=True)
            ]
        )

    def _alike(self, uids: Sequence[int], masks: Sequence[int]) -> bytes | None:
        """Render messages with the same flags; None if they are not, or few.

        Python writes a list of numbers ten times faster than it formats lines, and
        what is between the numbers is replaced at once.
        """
        if len(uids) < _ALIKE or masks.count(masks[0]) != len(masks):
            return None
        texts = self._texts.render(uids, masks)
        if texts.count(texts[0]) != len(texts):
            return None  # some are \\Recent
        head, end = (self._loud % (0, texts[0])).split(b"0", 1)
        numbers = repr(list(self._view.names(uids))).encode("ascii")
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
    lines = _Lines(view, with_uid=with_uid)
    if not known:
        view.note_told(uids, view.mailbox.modseq)
    for at in range(0, len(uids), _BATCH):
        some, masks = view.mailbox.masks(uids[at : at + _BATCH])
        modseqs = view.mailbox.modseqs(some) if view.telling.modseqs else ()
        loud = None if quietly is None else quietly.loud(view, some)
        if loud is not None and not view.telling.modseqs:
            rows = [row for row in zip(some, masks, strict=True) if row[0] in loud]
            some, masks = [uid for uid, _ in rows], [mask for _, mask in rows]
        if some:
            reply.write(lines.render(some, masks, modseqs, loud))
            await reply.ease()
        elif at % _TURN == _TURN - _BATCH:
            await reply.give_way()
