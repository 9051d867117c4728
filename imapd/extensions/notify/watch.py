"""What a client has asked to hear of, told when it may be told (RFC 5465).

Nothing is stored for the client while it doesn't listen: the watch has a place in the
account's log and the session's view, and asks both what happened. Invariants:

* messages of the selected mailbox are told by the view alone, of others by STATUS
  alone, and of a mailbox that is left while the view was behind, by STATUS at once;
* what the session itself did is not told as news, except where numbers move.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from imapd.extensions.notify.counts import changed_counts, initial_counts
from imapd.extensions.notify.interests import MAILBOX_NAME, Interests, OfSelected
from imapd.extensions.notify.lists import NameNews, NamesTold
from imapd.extensions.notify.syntax import Notify
from imapd.session.context import Context
from imapd.session.fetch_attribute import UID
from imapd.session.fetch_plan import Environment, Plan
from imapd.session.fetch_sender import Sender
from imapd.session.modseq import MODSEQ
from imapd.session.names import uses_utf8
from imapd.session.plugs import FetchItem
from imapd.session.state import Selected
from imapd.session.telling import Telling
from imapd.session.watching import Moment
from mailstore.errors import StoreError
from mailstore.model import (
    AccountChanges,
    MailboxChange,
    MailboxEntry,
    MailboxId,
    NameChange,
)
from mailstore.service import Following, Mailbox, Reached

_BATCH = 128  # mailboxes that are told of in one turn
_NAMES = 64  # that have changed
_NOTHING = Interests(Notify())


class NotifyWatch:
    """One session's watch over its account, from a NOTIFY to the next one."""

    __slots__ = (
        "_ends",
        "_follower",
        "_interests",
        "_owed",
        "_selected",
        "_told",
        "_unwatch",
        "_wake",
    )

    def __init__(
        self, interests: Interests, follower: Following, wake: Callable[[], None]
    ) -> None:
        self._interests = interests
        self._follower = follower
        self._wake = wake
        self._selected: Selected | None = None
        self._unwatch: Callable[[], None] | None = None
        self._told: set[int] = set()  # new messages that were told with something else
        self._owed: list[MailboxId] = []  # left before all was told of them
        self._ends: list[Callable[[], None]] = []  # of the news of other features

    def end(self) -> None:
        """Watch no more."""
        self._follower.end()
        for end in self._ends:
            end()
        self._ends.clear()
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def wants(self, event: str, entry: MailboxEntry | None) -> bool:
        """Tell whether the client wants to hear of an event of other features."""
        if entry is None:
            return self._interests.want_anywhere(event)
        return self._interests.want(event, entry)

    def wants_of_selected(self, event: str) -> bool:
        """Tell whether the client wants to hear of another feature's event there."""
        wanted = self._interests.selected
        return wanted is not None and event in wanted.events

    def annotations(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Give (mailbox, entries) of news in others' mailboxes, since the last call."""
        return self._follower.annotations()

    @property
    def heard(self) -> Reached | None:
        """Up to where all was told; None: it follows nothing."""
        return self._follower.reached

    @property
    def items(self) -> tuple[FetchItem, ...]:
        """What is told of each message that is new in the selected mailbox."""
        wanted = self._interests.selected
        return wanted.items if wanted is not None else ()

    def note_told(self, uids: Sequence[int]) -> None:
        """Hear that this was told of some messages, beside something else."""
        self._told.update(uids)

    async def begin(
        self, context: Context, before: NotifyWatch | None, *, with_counts: bool
    ) -> None:
        """Follow the account from now on, and tell how its mailboxes are.

        It goes on where the watch ``before`` it has got to, so that nothing is lost.
        Raises `ConnectionGone`, and store errors.
        """
        self._attend(context)
        if not self._interests.of_others:
            return
        await self._follower.begin(None if before is None else before.heard)
        self._ends += [
            news.watch(context, self._wake)
            for news in context.registry.news
            if any(map(self._interests.want_anywhere, news.events))
        ]
        if self._interests.everywhere:
            self._tell_barred(context)
        if not with_counts:
            return
        modseqs = "HIGHESTMODSEQ" in context.registry.status_items
        for at, entry in enumerate(self._follower.entries(), 1):
            if at % _BATCH == 0:
                await context.reply.give_way()
            if entry.id is None or not entry.selectable or self._is_selected(entry.id):
                continue
            counts = self._follower.counts(entry.id)
            if counts is None:
                continue
            response = initial_counts(
                entry,
                counts,
                self._interests,
                modseqs=modseqs,
                utf8=uses_utf8(context),
            )
            if response is not None:
                context.reply.untagged(response)

    def _tell_barred(self, context: Context) -> None:
        """Tell which mailboxes are listed, but may not be read (§3.1)."""
        utf8 = uses_utf8(context)
        for entry in self._follower.entries():
            if not entry.readable and self._interests.concern(entry):
                one = NameNews(entry)
                context.reply.untagged(one.render(context.registry, utf8=utf8))

    async def tell(
        self,
        context: Context,
        moment: Moment,
        *,
        with_uid: bool,  # noqa: ARG002
    ) -> None:
        """Tell what is due. Raises `ConnectionGone`, and store errors."""
        self._attend(context)
        failure: StoreError | None = None
        if self._selected is not None:
            try:
                await self._tell_selected(context, self._selected, moment)
            except StoreError as error:
                failure = error  # one damaged mailbox is no reason to miss the others
        await self._tell_others(context)
        if failure is not None:
            raise failure

    async def tell_before(self, context: Context, mailbox: Mailbox) -> None:
        """Tell of others before a mailbox is selected, nothing older than that.

        Or a client would take what becomes of another one that had its name for news
        of the one that it has selected (§5.4). Raises `ConnectionGone`.
        """
        self._attend(context)
        self._follower.expect(mailbox.id, mailbox.name)
        await self._tell_others(context)

    async def _tell_others(self, context: Context) -> None:
        changes = await self._follower.changes()
        if changes.overflow:
            self._overflow(context)
            return
        if changes.names:
            await self._tell_names(context, changes)
        if changes.mailboxes or self._owed:
            await self._tell_counts(context, changes.mailboxes)

    # -- the selected mailbox

    def _attend(self, context: Context) -> None:
        """Be woken by the mailbox that is selected now."""
        selected = context.session.selected
        if selected is self._selected:
            return
        left, self._selected = self._selected, selected
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if left is not None and self._lags(left):
            self._owed.append(left.mailbox.id)
        if selected is not None and self._interests.selected is not None:
            self._unwatch = selected.mailbox.watch(self._wake)

    def _lags(self, left: Selected) -> bool:
        """Tell whether something of a mailbox is known here, but not to the client."""
        counts = self._follower.counts(left.mailbox.id)
        return left.view.behind() or (
            counts is not None and counts.highestmodseq != left.view.modseq
        )

    def _is_selected(self, mailbox: MailboxId) -> bool:
        return self._selected is not None and self._selected.mailbox.id == mailbox

    async def _tell_selected(
        self, context: Context, selected: Selected, moment: Moment
    ) -> None:
        view = selected.view
        own = self._follower.take_own(view.mailbox.id)
        wanted = self._interests.selected
        if wanted is None:
            # §3.1: nothing of what others do. What the client did itself answers its
            # command, and that moves the numbers for all.
            if own is not None:
                removals = moment is not Moment.HOLD
                await view.tell(
                    context.reply, removals=removals, with_uid=True, flags=False
                )
            return
        removals = moment is not Moment.HOLD
        if moment is Moment.BETWEEN and wanted.delayed:
            removals = False  # §6.1.2
        top = view.top
        # §5.1: with the UID, whatever the command was.
        await view.tell(
            context.reply, removals=removals, with_uid=True, flags=wanted.flags
        )
        told, self._told = self._told, set()
        if wanted.items and view.largest_uid > top:
            mine = own.new if own is not None else ()
            uids = view.uids[bisect_right(view.uids, top, 0, view.exists) : view.exists]
            new = [uid for uid in uids if uid not in told and not _among(uid, mine)]
            await _tell_items(context, selected, wanted, new)

    # -- everything else

    async def _tell_names(self, context: Context, changes: AccountChanges) -> None:
        utf8 = uses_utf8(context)
        told = NamesTold(self._interests, self._follower.named)
        for start in range(0, len(changes.names), _NAMES):
            if start:
                await context.reply.give_way()
            part = changes.names[start : start + _NAMES]
            for one in told.news(part):
                context.reply.untagged(one.render(context.registry, utf8=utf8))
            self._owed += [
                change.after.id
                for change in part
                if change.after is not None
                and change.after.id is not None
                and self._is_another(change, change.after)
            ]

    def _is_another(self, change: NameChange, after: MailboxEntry) -> bool:
        """Tell whether a name is another mailbox's, which the client can't see.

        §5.1: then its UIDVALIDITY has changed.
        """
        before = change.before
        if before is not None and before.name == after.name:
            return before.id != after.id
        return not self._interests.want(MAILBOX_NAME, before, after)

    async def _tell_counts(
        self, context: Context, changes: Sequence[MailboxChange]
    ) -> None:
        owed, self._owed = self._owed, []
        changed = {change.mailbox: change for change in changes}
        changed |= {mailbox: MailboxChange(mailbox, messages=True) for mailbox in owed}
        for at, (mailbox, change) in enumerate(changed.items(), 1):
            try:
                response = self._counts(context, mailbox, change)
            except StoreError:
                self._owed.append(mailbox)  # the others are told all the same
                response = None
            if response is not None:
                context.reply.untagged(response)
            if at % _BATCH == 0:
                await context.reply.give_way()

    def _counts(
        self, context: Context, mailbox: MailboxId, change: MailboxChange
    ) -> bytes | None:
        entry = self._follower.entry(mailbox)
        counts = self._follower.counts(mailbox)
        if entry is None or counts is None or self._is_selected(mailbox):
            return None
        return changed_counts(
            entry,
            counts,
            change,
            self._interests,
            modseqs=context.session.telling.modseqs,
            utf8=uses_utf8(context),
        )

    def _overflow(self, context: Context) -> None:
        """Say that too much happened, and go on as after NOTIFY NONE (§5.8)."""
        context.reply.untagged(
            context.status(
                b"OK", "more than can be told; ask again", "NOTIFICATIONOVERFLOW"
            )
        )
        self.end()
        self._follower.act()
        self._interests = _NOTHING


def _among(uid: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(low <= uid <= high for low, high in ranges)


async def _tell_items(
    context: Context, selected: Selected, wanted: OfSelected, new: Sequence[int]
) -> None:
    """Send what was asked for of messages that others have put there (§5.2).

    No flag is set, whatever the items: nobody has read the messages yet.
    """
    view = selected.view
    items = _all_items(wanted.items, view.telling)
    environment = Environment(context, selected.mailbox, view)
    plan = Plan.of(items, environment)
    sender = Sender(context)
    async for batch in plan.batches(environment, new):
        await sender.send_all(plan, batch, view.names(batch.uids))


def _all_items(items: Sequence[FetchItem], telling: Telling) -> Sequence[FetchItem]:
    """Give the items that were asked for, and those that go without saying.

    Nobody asked for this response, so that it has what all such have (RFC 7162 §3.2.4,
    RFC 9051 §7.5.2).
    """
    found = [*items]
    if (telling.modseqs or telling.uids) and not telling.uid_only and UID not in found:
        found.insert(0, UID)
    if telling.modseqs and MODSEQ not in found:
        found.append(MODSEQ)
    return found
