"""FETCH responses that tell flags, by the batch (RFC 3501 §7.4.2).

FETCH, STORE and the implicit \\Seen tell flags of many messages at once. It must not
know why they are told. Example::

    * 23 FETCH (UID 4827313 FLAGS (\\Seen))
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from imapd.session.reply import Reply
from imapd.session.responses import flag_list
from imapd.session.view import View
from mailstore.model import Stored

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
    if not stored.external:
        return stored.updated
    return sorted({**dict(stored.external), **dict(stored.updated)}.items())


async def tell_flags(
    view: View, reply: Reply, rows: Sequence[tuple[int, int]], *, with_uid: bool
) -> None:
    """Send FETCH responses for (uid, mask) rows; UIDs ascend and are of the view.

    The view is told, so that the client doesn't hear it twice.
    """
    texts = FlagTexts(view)
    line = b"* %d FETCH (FLAGS %b)\r\n"
    if with_uid:
        line = b"* %d FETCH (UID %d FLAGS %b)\r\n"
    for at in range(0, len(rows), _BATCH):
        uids, masks = zip(*rows[at : at + _BATCH], strict=True)
        columns: list[Sequence[object]] = [view.numbers(uids)]
        if with_uid:
            columns.append(uids)
        columns.append(texts.render(uids, masks))
        values = chain.from_iterable(zip(*columns, strict=True))
        reply.write((line * len(uids)) % tuple(values))
        await reply.room()
    view.absorb(dict(rows))
