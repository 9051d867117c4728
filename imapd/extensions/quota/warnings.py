"""Warnings that a quota is nearly used up (RFC 9208 §4.3.1).

::

    S: * NO [OVERQUOTA] 93 % of the quota is used (STORAGE)
    S: A003 OK [APPENDUID 38505 3955] APPEND completed

They come when a mailbox is selected, and once in a session when a command, or somebody
else, has added the message that was too much. Never while no mailbox is selected and
no command adds messages (§4.3.1 MUST NOT).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from imapd.session.context import Context
from imapd.session.responses import status
from imapd.session.state import Selected
from imapd.session.watching import Moment
from mailstore.quotas import QuotaRoot, Resource

_TOLD, _SEEN = "QUOTA told", "QUOTA seen"


async def warn_selected(context: Context, selected: Selected) -> bytes | None:
    """Give the warning about the mailbox that was selected, if one is due."""
    _see(context, selected)
    roots = await selected.mailbox.limits()
    full = _note(context, roots)[0] if roots else ()
    return _warning(full) if full else None


async def warn_added(context: Context, mailbox: str) -> None:
    """Warn behind a command that has added messages to a mailbox."""
    _warn_once(context, await context.account.quota.added_to(mailbox))


class QuotaNews:
    """Warns when others have added messages to the selected mailbox."""

    for_all = True
    events: Mapping[str, str] = {}

    def concerns(self, context: Context) -> bool:  # noqa: ARG002
        """Wake nobody: who selects a mailbox is woken by its messages."""
        return False

    def watch(self, context: Context, wake: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002
        """Nothing wakes by itself."""
        return lambda: None

    def due(self, context: Context, moment: Moment) -> bool:
        """Tell whether messages have come."""
        selected = context.session.selected
        if selected is None or moment is Moment.BETWEEN:
            return False
        return context.session.notes.get(_SEEN) != selected.mailbox.uidnext

    async def tell(self, context: Context, moment: Moment) -> None:  # noqa: ARG002
        """Warn if they have used up much."""
        selected = context.selected
        _see(context, selected)
        _warn_once(context, await selected.mailbox.limits())


def _see(context: Context, selected: Selected) -> None:
    """Remember how far a mailbox is, to know when messages have come."""
    context.session.notes[_SEEN] = selected.mailbox.uidnext


def _warn_once(context: Context, roots: Sequence[QuotaRoot]) -> None:
    full, fresh = _note(context, roots) if roots else ([], False)
    if fresh:
        context.reply.untagged(_warning(full))


def _note(
    context: Context, roots: Sequence[QuotaRoot]
) -> tuple[list[tuple[int, str]], bool]:
    """Give what is nearly used up, and whether some of it was not told before."""
    share = context.account.options.quota_warning
    told = context.session.notes.setdefault(_TOLD, set())
    assert isinstance(told, set)
    full: list[tuple[int, str]] = []
    fresh = False
    for root in roots:
        filled = root.filled(share) if share else ()
        for one in Resource:
            key = (root.top, one)
            if one not in filled:
                told.discard(key)
                continue
            most = max(root.limits.of(one) or 0, 1)
            full.append((100 * root.usage.of(one) // most, one.value))
            fresh = fresh or key not in told
            told.add(key)
    return full, fresh


def _warning(full: Sequence[tuple[int, str]]) -> bytes:
    percent, name = max(full)
    return status(b"NO", f"{percent} % of the quota is used ({name})", "OVERQUOTA")
