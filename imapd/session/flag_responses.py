"""FETCH responses that tell flags, by the batch (RFC 3501 §7.4.2).

FETCH, STORE and the implicit \\Seen tell flags of many messages at once. It must not
know why they are told. Example::

    * 23 FETCH (UID 4827313 FLAGS (\\Seen))
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from imapd.session.reply import Reply
from imapd.session.responses import flag_list
from mailstore.model import Stored

if TYPE_CHECKING:
    from imapd.session.view import View

_BATCH = 512


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


def rows_of(stored: Stored) -> Sequence[tuple[int, int]]:
    """Give all (uid, mask) rows that a change of flags looked at; UIDs ascend."""
    others = [*stored.external, *stored.failed]
    if not others:
        return stored.updated
    return sorted({**dict(others), **dict(stored.updated)}.items())


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
        rows: Sequence[tuple[int, int]],
        modseqs: Sequence[int],
        silent: Collection[int],
    ) -> bytes:
        """Render a batch, by one ``%`` unless only some are silent."""
        uids, masks = zip(*rows, strict=True)
        quiet = [uid in silent for uid in uids] if silent else [False]
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


async def tell_flags(
    view: View,
    reply: Reply,
    rows: Sequence[tuple[int, int]],
    *,
    with_uid: bool,
    silent: Collection[int] = (),
) -> None:
    """Send FETCH responses for (uid, mask) rows; UIDs ascend and are of the view.

    Of ``silent`` ones the flags are left out: with mod-sequences these alone are
    told (RFC 7162 §3.1.3), without them nothing is. The view notes what was told, so
    that the client doesn't hear it twice.
    """
    # Before the first wait: afterwards others may have changed the messages again.
    modseqs: Sequence[int] = ()
    if view.telling.modseqs:
        modseqs = view.mailbox.modseqs([uid for uid, _ in rows])
    view.absorb(rows, modseqs)
    if silent and not view.telling.modseqs:
        rows, silent = [row for row in rows if row[0] not in silent], ()
    lines = _Lines(view, with_uid=with_uid)
    for at in range(0, len(rows), _BATCH):
        end = at + _BATCH
        reply.write(lines.render(rows[at:end], modseqs[at:end], silent))
        await reply.ease()
