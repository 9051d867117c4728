"""Which changes a session is told of, and at which moment.

By itself a session hears of its selected mailbox, at the end of commands and in IDLE
(RFC 3501 §5.2, RFC 2177). A feature by which the client chooses for itself puts a
`Watch` into the session (RFC 5465). How things are told is not decided here.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from imapd.session.permissions import keep_to_rights
from mailstore.model import MailboxEntry

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.plugs import FetchItem
    from imapd.session.state import Selected
    from mailstore.service import Mailbox


class Moment(enum.Enum):
    """When changes may be told."""

    BETWEEN = enum.auto()  # no command runs
    IDLE = enum.auto()
    HOLD = enum.auto()  # a command ends that allows no EXPUNGE (RFC 3501 §7.4.1)
    END = enum.auto()  # any other command ends


class Watch(Protocol):
    """What a client has asked to be told, instead of the usual."""

    async def tell(
        self, context: Context, moment: Moment, /, *, with_uid: bool
    ) -> None:
        """Tell what is due, as far as the moment allows it.

        Raises `ConnectionGone`, and store errors.
        """
        ...

    async def tell_before(self, context: Context, mailbox: Mailbox, /) -> None:
        """Tell of others before a mailbox is selected, nothing older than that.

        Raises `ConnectionGone`, and store errors.
        """
        ...

    def wants(self, event: str, entry: MailboxEntry | None, /) -> bool:
        """Tell whether the client has asked for one of `News.events`.

        Of a mailbox; or (None) of anything at all, as what is no mailbox's.
        """
        ...

    def wants_of_selected(self, event: str, /) -> bool:
        """Tell whether the client has asked for one of `Feature.message_events`.

        Of the messages in the selected mailbox; the event's name is in upper case.
        """
        ...

    def annotations(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Give (mailbox, entries) of news in others' mailboxes, since the last call."""
        ...

    @property
    def items(self) -> tuple[FetchItem, ...]:
        """What is told of each message that is new in the selected mailbox."""
        ...

    def note_told(self, uids: Sequence[int], /) -> None:
        """Hear that this was told of some messages, beside something else."""
        ...

    def end(self) -> None:
        """Watch no more."""
        ...


class News(Protocol):
    """What a feature tells beside mailboxes' messages, when something has happened."""

    @property
    def for_all(self) -> bool:
        """Whether sessions hear of it that have asked for nothing.

        Of any other news no session is asked that isn't `asking`.
        """
        ...

    @property
    def events(self) -> Mapping[str, str]:
        """What a `Watch` may want of it: names in upper case, and as they are told."""
        ...

    def concerns(self, context: Context, /) -> bool:
        """Tell whether a session hears of any of it: others needn't be woken."""
        ...

    def watch(
        self, context: Context, wake: Callable[[], None], /
    ) -> Callable[[], None]:
        """Have ``wake`` called when there may be something to tell; gives its end."""
        ...

    def due(self, context: Context, moment: Moment, /) -> bool:
        """Tell whether there may be something to `tell`: asked behind each command."""
        ...

    async def tell(self, context: Context, moment: Moment, /) -> None:
        """Tell what is due, as `due` has just said. Raises `ConnectionGone` and more.

        Store errors too.
        """
        ...


def watch(context: Context, wake: Callable[[], None]) -> Callable[[], None]:
    """Have ``wake`` called when there may be something to `tell`; gives its end."""
    ends: list[Callable[[], None]] = []
    if context.session.selected is not None:
        ends.append(context.session.selected.mailbox.watch(wake))
    ends += [
        news.watch(context, wake)
        for news in context.registry.news
        if news.concerns(context)
    ]

    def end_all() -> None:
        for end in ends:
            end()

    return end_all


async def tell(context: Context, moment: Moment, *, with_uid: bool = False) -> None:
    """Tell a session what is due at this moment.

    Raises `ConnectionGone`, `Bye` for whom may no longer read his mailbox, and store
    errors.
    """
    session, registry = context.session, context.services.registry
    for news in registry.news if session.asking else registry.news_for_all:
        if news.due(context, moment):
            await news.tell(context, moment)
    selected, watch = session.selected, session.watch
    if selected is not None and not selected.mailbox.gone:
        if moment is Moment.IDLE or moment is Moment.BETWEEN:
            keep_to_rights(context, selected)
        elif not selected.mailbox.readable:
            return  # the next command is told so
    if watch is not None:
        await watch.tell(context, moment, with_uid=with_uid)
        return
    if selected is None or moment is Moment.BETWEEN or selected.view.at_rest():
        return
    removals = moment is not Moment.HOLD
    await selected.view.tell(context.reply, removals=removals, with_uid=with_uid)


def quiet(context: Context) -> bool:
    """Tell whether `tell` would do nothing at the end of a command.

    Numbers are compared and nothing waits: that is the end of nearly every command.
    """
    session, registry = context.session, context.services.registry
    if session.watch is not None:
        return False
    for news in registry.news if session.asking else registry.news_for_all:
        if news.due(context, Moment.END):
            return False
    return session.selected is None or session.selected.view.is_quiet()


def catch_up(context: Context, selected: Selected) -> Awaitable[None] | None:
    """See what other processes have committed to the selected mailbox.

    Gives what to await if they have. Raises `Bye` for whom may no longer read it.
    """
    keep_to_rights(context, selected)
    if selected.mailbox.stale():
        return _refresh(context, selected)
    return None


async def _refresh(context: Context, selected: Selected) -> None:
    await selected.mailbox.refresh()
    keep_to_rights(context, selected)  # its index may have gone back
