"""The lists of rights of one account's mailboxes, in memory, and a person's permits.

A permit asks anew in each turn: the list and the person's groups are compared with the
database by a number, in microseconds, so that a right that was taken is gone for the
next command of any session of any worker. Event thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mailstore.index import acl
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import MailboxId
from mailstore.rights import ALL, Acl, Operation, Person, Right, check, reckon
from mailstore.service.readers import Readers
from mailstore.service.versions import Versions

if TYPE_CHECKING:
    from mailstore.service.account import Account

Guard: TypeAlias = Callable[[Database], None]
"""What may refuse something inside the transaction that does it."""

_AT_ONCE = 500  # entries that may be read on the event thread
_NO_LISTS: Mapping[MailboxId, Acl] = {}


class Acls:
    """The lists of one account, read again when somebody has changed one."""

    def __init__(self, runtime: Runtime, readers: Readers, versions: Versions) -> None:
        self._runtime = runtime
        self._readers = readers
        self._versions = versions
        self._version = -1
        self._lists: dict[MailboxId, Acl] = {}
        self._every: Mapping[MailboxId, Acl] | None = None
        self._told = 0

    @property
    def version(self) -> int:
        """The number of the lists' last change; 0: there never was one."""
        versions = self._versions
        versions.look()
        if versions.acls != self._version:
            self._version, self._lists, self._every = versions.acls, {}, None
        return self._version

    def changed(self) -> bool:
        """Tell whether a list has changed since the last call, as of the last look."""
        before, self._told = self._told, self._versions.acls
        return before != self._told

    def of(self, mailbox: MailboxId) -> Acl:
        """Give a mailbox's list."""
        if self.version == 0:
            return ()
        found = self._lists.get(mailbox)
        if found is None:
            found = acl.acl_of(self._readers.event, mailbox)
            self._lists[mailbox] = found
        return found

    async def every(self) -> Mapping[MailboxId, Acl]:
        """Give all lists; the same object as long as none has changed."""
        version = self.version
        if version == 0:
            return _NO_LISTS
        if self._every is None:
            if acl.count(self._readers.event) <= _AT_ONCE:
                self._every = acl.all_acls(self._readers.event)
            else:
                found = await in_pool(self._runtime, Pool.READ, self._read_all)
                if self.version != version:
                    return await self.every()
                self._every = found
        return self._every

    def _read_all(self) -> Mapping[MailboxId, Acl]:
        with self._readers.take() as database:
            return acl.all_acls(database)


def unguarded(_: Database) -> None:
    """Refuse nothing."""


class Permit(Protocol):
    """What somebody may do to one mailbox, at the moment of asking."""

    def rights(self) -> Right:
        """Give the rights."""
        ...

    def check(self, operation: Operation) -> None:
        """Refuse what they are not enough for. Raises `NotPermitted`, `NotFound`."""
        ...

    def guard(self, database: Database, name: str) -> None:
        """Refuse a name that another mailbox has got meanwhile. Raises `NotFound`."""
        ...


class FullPermit:
    """Everything: for the command line, for deliveries, for an owner without lists."""

    def rights(self) -> Right:
        """Give the rights."""
        return ALL

    def check(self, operation: Operation) -> None:
        """Refuse nothing."""

    def guard(self, database: Database, name: str) -> None:
        """Refuse nothing: all names are his."""


FULL = FullPermit()


class PersonPermit:
    """One person's permit for one mailbox; ``whom`` gives None when it ends.

    Of what is the person's ``own`` nobody needs to ask who he is where there is no
    list: that saves a look at the directory for each command.
    """

    __slots__ = (
        "_account",
        "_known",
        "_mailbox",
        "_moment",
        "_moment_now",
        "_own",
        "_rights",
        "_whom",
    )

    def __init__(
        self,
        account: Account,
        mailbox: MailboxId,
        whom: Callable[[], Person | None],
        *,
        own: bool = False,
    ) -> None:
        self._account = account
        self._moment_now = account.readers.moment_of_rights
        self._own = own
        self._mailbox = mailbox
        self._whom = whom
        self._known: tuple[Acl, Person] | None = None
        self._rights = Right(0)
        self._moment: int | None = None  # of `_rights`

    def rights(self) -> Right:
        """Give the rights."""
        moment = self._moment_now()
        if moment != self._moment:
            self._rights, self._moment = self._reckoned(), moment
        return self._rights

    def _reckoned(self) -> Right:
        acl_ = self._account.acls.of(self._mailbox)
        if self._own and not acl_:
            return ALL
        person = self._whom()
        if person is None:
            self._known = None
            return Right(0)
        known = self._known
        if known is None or known[0] is not acl_ or known[1] is not person:
            self._known = acl_, person
            return rights_in(self._account, acl_, person)
        return self._rights

    def check(self, operation: Operation) -> None:
        """Refuse what they are not enough for. Raises `NotPermitted`, `NotFound`."""
        check(self.rights(), operation)

    def guard(self, database: Database, name: str) -> None:
        """Refuse a name that another mailbox has got meanwhile. Raises `NotFound`."""
        acl.check_name(database, self._mailbox, name)


def rights_in(account: Account, acl_: Acl, person: Person) -> Right:
    """Give a person's rights by one list of an account."""
    owns = person.owns(account.id, public=account.public)
    return rights_by(acl_, person, owns=owns)


def rights_by(acl_: Acl, person: Person, *, owns: bool) -> Right:
    """Give a person's rights by a list, as its owner or not."""
    if not acl_:
        return ALL if owns else Right(0)
    return reckon(acl_, person.identifiers, owns=owns).rights
