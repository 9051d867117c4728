"""``imapd restore``: a store, an account, a mailbox or messages out of a backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imapd.cli.backup import Progress, directory_argument
from imapd.cli.exits import Exit
from imapd.cli.people import mailbox_name, shared_with
from imapd.cli.restore_damaged import Mending
from imapd.cli.restore_told import line_of, row_of, surplus_of, tell_surplus
from imapd.cli.settings import Settings, Stop, json_option, pass_settings
from imapd.cli.undelete import Moment, Uids
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.directory import AccountRow
    from mailstore.maintenance.backup_points import AccountCopy, BackupFolder, Point
    from mailstore.maintenance.restore import Restoration, Restored
    from mailstore.maintenance.restore_mail import (
        MailRestore,
        MailRestored,
        Plan,
        WantedMail,
    )
    from mailstore.maintenance.restore_replace import Surplus
    from mailstore.ranges import Range
    from mailstore.service import Account, Store

_ANY_SIZE = 2**40
_DAMAGED_FLAGS = "the backup has damaged flags: an older point may have them"
_KEPT = "nothing is removed or set back: not all messages came back"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options, as they were given."""

    account: str | None
    shared: bool
    source: str | None
    name: str | None
    mailbox: str | None
    into: str | None
    uids: tuple[Range, ...] | None
    message_id: str | None
    since: datetime | None
    until: datetime | None
    duplicates: bool
    damaged: bool
    replace: bool
    yes: bool
    keep_uidvalidity: bool
    dry_run: bool

    @property
    def selects(self) -> bool:
        """Whether not all of an account is meant."""
        given = (self.mailbox, self.message_id, self.since, self.until)
        return any(one is not None for one in given)

    def check(self) -> None:
        """Refuse what makes no sense. Raises `UsageError`."""
        whole = self.account is None and not self.shared
        wrong = {
            "--account and --shared": bool(self.account) and self.shared,
            "these need --account NAME or --shared": whole
            and (
                self.selects
                or bool(self.name or self.into or self.uids or self.source)
                or self.replace
                or self.duplicates
            ),
            "--keep-uidvalidity is for a whole store": self.keep_uidvalidity
            and not whole,
            "--uid needs --mailbox": bool(self.uids) and self.mailbox is None,
            "--into needs --mailbox": bool(self.into) and self.mailbox is None,
            "--as makes a whole account": bool(self.name)
            and (self.selects or self.replace or self.duplicates or self.shared),
            "--damaged is for whole accounts": self.damaged
            and (
                self.selects
                or self.replace
                or self.duplicates
                or bool(self.name or self.source)
            ),
            "--replace is for a whole account": self.replace
            and (self.selects or self.duplicates),
        }
        for text, is_wrong in wrong.items():
            if is_wrong:
                raise click.UsageError(text)


@click.command()
@directory_argument
@click.option(
    "--point", type=Moment(), help="The last point until then; the newest if none."
)
@click.option("--account", metavar="NAME", help="Only this account's mail.")
@click.option("--shared", is_flag=True, help="Only the mailboxes of no person.")
@click.option(
    "--from",
    "source",
    metavar="NAME",
    help="What this account had, by its name then or its id.",
)
@click.option(
    "--as",
    "name",
    metavar="NAME",
    help="As a new account of this name, without a password.",
)
@click.option("--mailbox", help="Only this mailbox.")
@click.option("--into", metavar="MAILBOX", help="Into this mailbox instead.")
@click.option(
    "--uid", "uids", type=Uids(), help="The UIDs that messages had at that point."
)
@click.option("--message-id", metavar="ID", help="Only messages of this Message-ID.")
@click.option("--since", type=Moment(), help="Only what arrived since: a date, or 3d.")
@click.option("--until", type=Moment(), help="Only what arrived before.")
@click.option("--duplicates", is_flag=True, help="Also what is there still, once more.")
@click.option(
    "--damaged",
    is_flag=True,
    help="Only the bytes of messages that are damaged or missing in the store.",
)
@click.option(
    "--replace", is_flag=True, help="Also remove and change what is otherwise now."
)
@click.option("--yes", is_flag=True, help="Don't ask before a --replace.")
@click.option(
    "--keep-uidvalidity",
    is_flag=True,
    help="Nothing was changed since the point: mail programs keep what they have.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@json_option
@pass_settings
def command(
    settings: Settings,
    /,
    directory: Path,
    point: datetime | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - the options
) -> None:
    """Restore from the backup in DIR: the whole store, if nothing else is said.

    A whole store is made where there is none. With --account what the account has lost
    comes back, while the server runs: messages that are there still, or were moved
    since, are left alone. An account that is no more is made again. With --damaged
    messages are read, and those whose bytes are not theirs get them again, of all
    accounts or of one. Ends with 1 when something could not be restored, and says what.
    """
    from mailstore.maintenance.backup_points import BackupFolder

    asked = _Asked(**options)
    asked.check()
    folder = BackupFolder(directory)
    folder.store()
    with folder.held(shared=True):
        found = folder.last_before(None if point is None else point.timestamp())
        work = _Work(settings, folder, found, asked, as_json=as_json)
        whole = work.run()
    if not whole:
        click.get_current_context().exit(Exit.FAILED)


class _Work:
    """One restore, from one point."""

    def __init__(
        self,
        settings: Settings,
        folder: BackupFolder,
        point: Point,
        asked: _Asked,
        *,
        as_json: bool,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._point = point
        self._asked = asked
        self._as_json = as_json
        self._progress = Progress()

    def run(self) -> bool:
        """Do what was asked for; tells whether nothing is missing."""
        asked = self._asked
        if asked.damaged:
            mending = Mending(self._settings, self._folder, self._point, asked.dry_run)
            mending.run(self._name, as_json=self._as_json)
            return not mending.lost
        return self.store() if self._name is None else self.account(self._name)

    @property
    def _name(self) -> str | None:
        """Whose mail it is about; None: everybody's."""
        from mailstore.index.accounts import PUBLIC

        return PUBLIC if self._asked.shared else self._asked.account

    # -- what is not there

    def store(self) -> bool:
        """Restore the whole store; tells whether nothing is missing."""
        from mailstore.maintenance.restore import is_empty

        path = self._settings.config.store.path
        if not is_empty(path):
            raise Stop(
                f"there is a store at {path}: say --account to restore into it",
                Exit.NAME,
            )
        work = self._restoration()
        if not self._asked.dry_run:
            work.whole_store()
        return self._told(work.done, self._point.accounts)

    def _restoration(self) -> Restoration:
        from imapd.app import store_options
        from mailstore.maintenance.restore import How, Restoration

        config = self._settings.config
        how = How(
            store_options(config).blob_engine,
            self._asked.keep_uidvalidity,
            int(self._settings.runtime.now()),
        )

        def progress(account: str, messages: int, of: int) -> None:
            self._progress.tell(f"{escaped(account)}: {messages} of {of} messages")

        return Restoration(self._folder, self._point, config.store.path, how, progress)

    def _told(self, done: Restored, copies: tuple[AccountCopy, ...]) -> bool:
        self._progress.end()
        dry = self._asked.dry_run
        names = [one.name for one in copies] if dry else done.accounts
        messages = sum(one.messages for one in copies) if dry else done.messages
        if self._as_json:
            self._settings.echo_json(
                {
                    "point": self._point.name,
                    "dry_run": dry,
                    "accounts": names,
                    "messages": messages,
                    "lost": [
                        {"account": o.account, "message": o.message, "why": o.why}
                        for o in done.lost
                    ],
                    "unset_flags": done.unset,
                    "failures": done.failures,
                    "set_aside": None if done.aside is None else str(done.aside),
                }
            )
            return done.whole
        for text in done.failures:
            click.echo(text, err=True)
        for text in done.unset:
            click.echo(f"{text}: they have none now", err=True)
        if done.aside is not None:
            text = f"{done.aside}: what was there without directory.db is there now"
            click.echo(text, err=True)
        for one in done.lost:
            text = f"{escaped(one.account)}: message {one.message}: {one.why}"
            click.echo(text, err=True)
        verb = "would be restored" if dry else "restored"
        click.echo(
            f"{self._point.name}: {len(names)} accounts, {messages} messages {verb}"
        )
        return done.whole

    # -- an account

    def account(self, name: str) -> bool:
        """Restore an account or some of its mail; tells whether all that was wanted."""
        from mailstore.directory import lookup_key

        with self._settings.store() as store:
            directory = store.directory
            known = directory.public() if self._asked.shared else directory.find(name)
            copy = self._copy(name, known)
            if self._asked.name is not None:
                return self._new_account(store, copy, self._asked.name)
            if known is None:
                if self._asked.selects or self._asked.replace:
                    raise Stop(f"there is no account {name} now", Exit.NAME)
                # Another's mail makes an account of the name that was asked for, and
                # gives nobody the other's password.
                if copy.name == name:
                    return self._new_account(store, copy, None)
                if self._asked.shared:
                    raise Stop("there are no shared mailboxes now", Exit.NAME)
                own = lookup_key(copy.name) == lookup_key(name)
                return self._new_account(store, copy, None if own else name)
            return self._mail(store, copy, known)

    def _copy(self, name: str, known: AccountRow | None) -> AccountCopy:
        """Give whose mail it is: a name may have been another person's then."""
        from mailstore.errors import NotFound

        if self._asked.source is not None:
            return self._point.account(self._asked.source)
        if known is None or self._asked.name is not None:
            return self._point.account(name)
        try:
            return self._point.numbered(known.id)
        except NotFound:
            other = self._point.account(name)
            raise Stop(
                f"{name} was another account then: --from {other.id} takes its mail"
                " all the same",
                Exit.NAME,
            ) from None

    def _new_account(self, store: Store, copy: AccountCopy, name: str | None) -> bool:
        from mailstore.errors import StoreError

        wanted = copy.name if name is None else name
        if store.directory.find(wanted) is not None:
            raise Stop(f"there is an account {wanted} already", Exit.NAME)
        work = self._restoration()
        if not self._asked.dry_run:
            made = work.account(copy, shared=name is None)
            person = made.person if name is None else None
            store.directory.sharing.note(made.id, made.identifiers)
            try:
                store.directory.adopt(made.id, person, wanted)
            except StoreError:
                self._settings.run(store.remove_account(made.id))
                raise
        return self._told(work.done, (copy,))

    def _mail(self, store: Store, copy: AccountCopy, known: AccountRow) -> bool:
        from mailstore.maintenance.restore_replace import Replacement

        # What was taken once may come back, whatever is allowed today.
        store.use(replace(store.options, max_message=_ANY_SIZE))
        run = self._settings.run
        account = run(store.account(known.id))
        try:
            with self._opened(store, account, copy) as work:
                # Before what is missing: of what is moved between the two looks there
                # may come to be one more, and never one less.
                surplus = Replacement(work).surplus() if self._asked.replace else None
                plans = run(work.plans(self._wanted()))
                if surplus is not None:
                    self._confirm(surplus)
                done: list[MailRestored] = []
                if not self._asked.dry_run:
                    done = [run(work.restore(plan)) for plan in plans]
                    if surplus is not None and any(one.lost for one in done):
                        # What was moved since is surplus where it is now, and there
                        # may be the last copy of what the backup cannot give.
                        surplus = None
                        click.echo(_KEPT, err=True)
                    if surplus is not None:
                        run(Replacement(work).apply(surplus))
            shared = {
                one.plan.name: shared_with(store, account, one.plan.name)
                for one in done
                if one.plan.make
            }
        finally:
            run(account.close())
        self._progress.end()
        return self._told_mail(plans, done, surplus, shared)

    @contextmanager
    def _opened(
        self,
        store: Store,
        account: Account,
        copy: AccountCopy,
    ) -> Iterator[MailRestore]:
        from mailstore.blobs.pool import Pool
        from mailstore.maintenance.backup_verify import opened_index
        from mailstore.maintenance.restore_mail import MailRestore

        if not copy.index:
            raise Stop(f"{copy.name} was not copied: {copy.failure}", Exit.NAME)
        source = self._folder.account_folder(copy.id)
        pool = Pool(source)

        def progress(mailbox: str, messages: int, of: int) -> None:
            self._progress.tell(f"{escaped(mailbox)}: {messages} of {of} messages")

        try:
            with opened_index(self._folder, source, copy.index, current=True) as index:
                yield MailRestore(store, account, index, pool, copy.id, progress)
        finally:
            pool.close()

    def _wanted(self) -> WantedMail:
        from mailstore.index.comparing import WantedMessages
        from mailstore.maintenance.restore_mail import WantedMail

        asked = self._asked
        id_ = asked.message_id
        if id_ is not None and not id_.startswith("<"):
            id_ = f"<{id_}>"
        return WantedMail(
            None if asked.mailbox is None else mailbox_name(asked.mailbox),
            WantedMessages(
                asked.uids or (),
                None if id_ is None else id_.encode(),
                None if asked.since is None else int(asked.since.timestamp()),
                None if asked.until is None else int(asked.until.timestamp()),
            ),
            None if asked.into is None else mailbox_name(asked.into),
            asked.duplicates,
            strict=asked.replace,
        )

    def _confirm(self, surplus: Surplus) -> None:
        if self._asked.yes or self._asked.dry_run:
            return
        click.confirm(
            f"{surplus.messages} messages and {len(surplus.mailboxes)} mailboxes that"
            f" are newer than {self._point.name} will be removed. Go on?",
            abort=True,
            err=True,
        )

    def _told_mail(
        self,
        plans: list[Plan],
        done: list[MailRestored],
        surplus: Surplus | None,
        shared: dict[str, dict[str, str]],
    ) -> bool:
        by_name = {id(one.plan): one for one in done}
        dry = self._asked.dry_run
        rows = [
            row_of(plan, by_name.get(id(plan)), shared.get(plan.name, {}))
            for plan in plans
        ]
        lost = [(one.plan.was, uid, why) for one in done for uid, why in one.lost]
        more = surplus_of(surplus)
        bare = more["unknown_flags"] or any(row["without_flags"] for row in rows)
        whole = not (lost or more["passed_over"] or bare)
        if self._as_json:
            self._settings.echo_json(
                {
                    "point": self._point.name,
                    "dry_run": dry,
                    "mailboxes": rows,
                    "lost": [
                        {"mailbox": was, "uid": uid, "why": why}
                        for was, uid, why in lost
                    ],
                    **more,
                }
            )
            return whole
        for was, uid, why in lost:
            click.echo(f"{escaped(was)}/;UID={uid}: {why}", err=True)
        for row in rows:
            click.echo(line_of(row, dry=dry))
        if not rows:
            click.echo("nothing to restore")
        if surplus is not None:
            tell_surplus(more, dry=dry)
        if bare:
            click.echo(_DAMAGED_FLAGS, err=True)
        return whole
