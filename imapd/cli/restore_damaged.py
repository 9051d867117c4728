"""``imapd restore --damaged``: bytes for messages that have lost theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imapd.cli.backup import Progress
from imapd.cli.settings import Settings
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.maintenance.backup_points import AccountCopy, BackupFolder, Point
    from mailstore.maintenance.restore_damaged import Mended
    from mailstore.model import AccountId
    from mailstore.service import Store


class Mending:
    """Mends accounts of a store by the messages of a backup, whatever its point."""

    def __init__(
        self,
        settings: Settings,
        folder: BackupFolder,
        point: Point,
        dry_run: bool,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._point = point
        self._dry = dry_run
        self._progress = Progress()
        self._found: dict[str, Mended] = {}

    @property
    def lost(self) -> list[tuple[str, int, str]]:
        """The messages that the backup has not either: account, number, why."""
        return [
            (name, message, why)
            for name, done in self._found.items()
            for message, why in done.lost
        ]

    def run(self, only: str | None, *, as_json: bool) -> None:
        """Mend one account, or all that the point has, and tell of it."""
        from mailstore.model import AccountId

        point = self._point
        copies = point.accounts if only is None else (point.account(only),)
        with self._settings.store() as store:
            for copy in copies:
                row = store.directory.by_id(AccountId(copy.id))
                if row is not None:
                    self._found[copy.name] = self._account(store, row.id, copy)
        self._progress.end()
        self._tell(as_json=as_json)

    def _account(self, store: Store, id_: AccountId, copy: AccountCopy) -> Mended:
        from mailstore.blobs.pool import Pool
        from mailstore.maintenance.restore_damaged import Mended, damaged, mend

        def progress(messages: int) -> None:
            self._progress.tell(f"{escaped(copy.name)}: {messages} messages read")

        run = self._settings.run
        account = run(store.account(id_))
        pool = Pool(self._folder.account_folder(copy.id))
        try:
            rows = run(damaged(account, progress))
            if self._dry:
                lost = [
                    (row.message, "the backup does not have it")
                    for row in rows
                    if row.digest not in pool
                ]
                return Mended(len(rows) - len(lost), lost)
            return run(mend(account, rows, pool))
        finally:
            pool.close()
            run(account.close())

    def _tell(self, *, as_json: bool) -> None:
        if as_json:
            self._settings.echo_json(
                {
                    "point": self._point.name,
                    "dry_run": self._dry,
                    "mended": {
                        name: done.messages for name, done in self._found.items()
                    },
                    "lost": [
                        {"account": name, "message": message, "why": why}
                        for name, message, why in self.lost
                    ],
                }
            )
            return
        for name, message, why in self.lost:
            click.echo(f"{escaped(name)}: message {message}: {why}", err=True)
        count = sum(done.messages for done in self._found.values())
        verb = "would have" if self._dry else "have"
        click.echo(
            f"{len(self._found)} accounts: {count} damaged messages {verb} their bytes"
            " again"
        )
