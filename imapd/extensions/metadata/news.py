"""Unsolicited METADATA responses: others have changed an annotation (RFC 5464 §4.4.2).

::

    S: * METADATA INBOX /shared/comment /private/comment

They are for who has said ENABLE METADATA or METADATA-SERVER (§4.1), or NOTIFY. Only
names of entries are told, and not to who made the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from imapd.extensions.metadata.commands import NAME, OWN, SERVER_NAME
from imapd.session.context import Context
from imapd.session.metadata_responses import changed_response
from imapd.session.names import uses_utf8
from imapd.session.watching import Moment, Watch
from mailstore.model import AccountId, MailboxEntry

OF_MAILBOX = "MAILBOXMETADATACHANGE"
OF_SERVER = "SERVERMETADATACHANGE"


@dataclass(frozen=True, slots=True)
class _Told:
    """Up to where a session was told of each kind."""

    account: AccountId
    mailboxes: int
    server: int


class MetadataNews:
    """Tells sessions of changed annotations; a session's part of it is in its notes.

    Those that have enabled it hear of all, those that follow the account (RFC 5465
    §5.6, §5.7) of what they want.
    """

    for_all = False
    events: Mapping[str, str] = {
        OF_MAILBOX: "MailboxMetadataChange",
        OF_SERVER: "ServerMetadataChange",
    }

    def concerns(self, context: Context) -> bool:
        """Tell whether a session hears of any of it: others needn't be woken."""
        enabled = context.session.enabled
        return self._follows(context) or not enabled.isdisjoint((NAME, SERVER_NAME))

    def watch(self, context: Context, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called when there may be something to tell; gives its end."""
        ends = (
            context.account.watch(wake),
            context.services.store.directory.metadata.watch(wake),
        )

        def end() -> None:
            for one in ends:
                one()

        return end

    def due(self, context: Context, moment: Moment) -> bool:
        """Tell whether the session hears of any at this moment.

        Who has not asked must not cost a query at each change of a mailbox.
        """
        session = context.session
        if session.account is None or not (session.enabled or session.watch):
            return False
        if moment is Moment.BETWEEN:
            return self._follows(context)
        return self.concerns(context)

    async def tell(self, context: Context, moment: Moment) -> None:  # noqa: ARG002
        """Tell what others have changed."""
        session = context.session
        before, now = session.notes.get(NAME), _present(context)
        session.notes[NAME] = now
        if not isinstance(before, _Told) or before.account != now.account:
            return  # from here on
        if before.mailboxes != now.mailboxes:
            await self._tell_mailboxes(context, before.mailboxes)
        if before.server != now.server:
            self._tell_server(context, before.server)
        if session.watch is not None:
            await self._tell_of_others(context, session.watch)

    async def _tell_of_others(self, context: Context, watch: Watch) -> None:
        """Tell of others' mailboxes, to who follows them (RFC 5465 §5.6)."""
        changed = watch.annotations()
        if not changed:
            return
        utf8 = uses_utf8(context)
        named = {entry.name: entry for entry in await context.account.mailboxes()}
        for name, entries in changed:
            entry = named.get(name)
            if entry is None or not entry.readable:
                continue  # meanwhile the right was taken
            if watch.wants(OF_MAILBOX, entry):
                context.reply.untagged(changed_response(name, entries, utf8=utf8))

    def _follows(self, context: Context) -> bool:
        watch = context.session.watch
        return watch is not None and any(watch.wants(e, None) for e in self.events)

    async def _tell_mailboxes(self, context: Context, since: int) -> None:
        own = _own(context, mailboxes=True)
        changed = context.account.metadata.changes(since, own)
        if not changed:
            return
        utf8 = uses_utf8(context)
        named = {entry.name: entry for entry in await context.account.mailboxes()}
        for name, entries in changed:
            if self._wanted(context, NAME, OF_MAILBOX, named.get(name)):
                context.reply.untagged(changed_response(name, entries, utf8=utf8))

    def _tell_server(self, context: Context, since: int) -> None:
        metadata = context.services.store.directory.metadata
        own = _own(context, mailboxes=False)
        entries = metadata.changes(context.account.id, since, own)
        enabled = NAME if NAME in context.session.enabled else SERVER_NAME
        if entries and self._wanted(context, enabled, OF_SERVER, None):
            context.reply.untagged(changed_response("", entries))

    def _wanted(
        self, context: Context, enabled: str, event: str, entry: MailboxEntry | None
    ) -> bool:
        session = context.session
        if enabled in session.enabled:
            return True
        return session.watch is not None and session.watch.wants(event, entry)


def _present(context: Context) -> _Told:
    account = context.account
    server = context.services.store.directory.metadata.version()
    return _Told(account.id, account.metadata.version(), server)


def _own(context: Context, *, mailboxes: bool) -> set[int]:
    own = context.session.notes.get(OWN)
    if not isinstance(own, set):
        return set()
    return {version for of_mailboxes, version in own if of_mailboxes is mailboxes}
