"""Annotations of an account's mailboxes (RFC 5464).

Values are octets, whatever a client thought of them. Private entries belong to who
asks, shared ones to everybody who may see the mailbox. ``/private/specialuse`` is no
value of its own: it is the mailbox's special use (RFC 6154 §4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from mailstore.errors import InvalidUse, NotFound, TooBig
from mailstore.index import mailboxes, metadata
from mailstore.index.database import Database
from mailstore.index.metadata import Annotation
from mailstore.model import VIRTUAL_USES, AccountId, Depth, MailboxId, SpecialUse
from mailstore.service.acls import FULL
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account

SPECIAL_USE = "/private/specialuse"
_USES = {use.value.lower(): use for use in SpecialUse}


class MailboxMetadata:
    """The annotations that one login sees; made by `Account.metadata`."""

    def __init__(self, account: Account, me: AccountId | None = None) -> None:
        self._account = account
        self._me = str(me or account.id)  # whose private entries

    # -- reading

    async def get(
        self, name: str, entries: Sequence[str], depth: Depth = Depth.NONE
    ) -> Sequence[tuple[str, bytes | None]]:
        """Give entries with their values.

        Without depth each entry is given as it was named, with None where it has no
        value; otherwise only what there is. Raises `NotFound`.
        """
        reader = self._account.readers.event
        row = mailboxes.mailbox_named(reader, name)
        if depth is Depth.NONE:
            found = self._named(reader, [row.id], entries)
            return [(entry, found.get((row.id, entry.lower()))) for entry in entries]
        below = metadata.below(reader, row.id, self._me, entries, depth)
        given: dict[str, bytes | None] = {one.entry: one.value for one in below}
        for entry in entries:
            near = f"{SPECIAL_USE}/".startswith(f"{entry.lower()}/")
            if near and row.special_use and depth.covers(entry, SPECIAL_USE):
                given.setdefault(SPECIAL_USE, row.special_use.value.encode("ascii"))
        return list(given.items())

    async def sizes(
        self, name: str, entries: Sequence[str], depth: Depth = Depth.NONE
    ) -> Sequence[tuple[str, int]]:
        """Give the entries that `get` would give, each with the octets of its value.

        One without a value has none. Raises `NotFound`.
        """
        reader = self._account.readers.event
        row = mailboxes.mailbox_named(reader, name)
        found = metadata.sizes(reader, row.id, self._me, entries, depth)
        use = row.special_use
        if use is not None and any(
            f"{SPECIAL_USE}/".startswith(f"{entry.lower()}/")
            and depth.covers(entry, SPECIAL_USE)
            for entry in entries
        ):
            there = {entry.lower() for entry, _ in found}
            if SPECIAL_USE not in there:
                found.append((SPECIAL_USE, len(use.value)))
        if depth is not Depth.NONE:
            return found
        octets = {entry.lower(): size for entry, size in found}
        return [(entry, octets.get(entry.lower(), 0)) for entry in entries]

    async def get_all(
        self, names: Sequence[str], entries: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[str, bytes | None]]]:
        """Give entries of many mailboxes; names that don't exist are left out."""
        reader = self._account.readers.event
        ids = mailboxes.ids_named(reader, names)
        found = self._named(reader, list(ids.values()), entries)
        return {
            name: [(entry, found.get((id_, entry.lower()))) for entry in entries]
            for name, id_ in ids.items()
        }

    def _named(
        self, reader: Database, ids: Sequence[MailboxId], entries: Sequence[str]
    ) -> dict[tuple[MailboxId, str], bytes]:
        rows: list[Annotation] = metadata.named(reader, ids, self._me, entries)
        found = {(one.mailbox, one.entry.lower()): one.value for one in rows}
        if any(entry.lower() == SPECIAL_USE for entry in entries):
            for id_, use in mailboxes.special_uses(reader, ids).items():
                found[id_, SPECIAL_USE] = use.value.encode("ascii")
        return found

    # -- following

    def version(self) -> int:
        """Give the version of the last change."""
        return metadata.last_version(self._account.readers.event)

    def changes(
        self, since: int, own: Collection[int]
    ) -> Sequence[tuple[str, Sequence[str]]]:
        """Give (mailbox, entries) of what others changed after a version."""
        reader = self._account.readers.event
        rows = metadata.changes(reader, self._me, since, own)
        if not rows:
            return ()
        names = {row.id: row.name for row in mailboxes.mailboxes(reader)}
        found: dict[str, list[str]] = {}
        for mailbox, entry in rows:
            if mailbox in names:
                found.setdefault(names[mailbox], []).append(entry)
        return list(found.items())

    # -- writing

    @property
    def most_octets(self) -> int:
        """The octets that a value may have."""
        return self._account.options.metadata_octets

    async def set(
        self,
        name: str,
        values: Mapping[str, bytes | None],
        guard: Callable[[Database, str], None] = FULL.guard,
    ) -> int:
        """Set entries, None to remove one: all or nothing. Gives the change's version.

        Raises `NotFound`, `NotPermitted`, `TooBig`, `TooMany`, `InvalidUse`.
        """
        account = self._account
        account.check_writable()
        if any(len(value or b"") > self.most_octets for value in values.values()):
            raise TooBig(f"a value may have {self.most_octets} octets")
        kept = {e: v for e, v in values.items() if e.lower() != SPECIAL_USE}
        use = [v for e, v in values.items() if e.lower() == SPECIAL_USE]
        special = _special_use(use[-1]) if use else None
        now, most, me = account.now(), account.options.metadata_entries, self._me

        def work(database: Database) -> Outcome[int]:
            guard(database, name)
            row = mailboxes.mailbox_named(database, name)
            if use and not row.selectable:
                raise NotFound("that name has no mailbox, only inferior names")
            changed = {row.id} if kept else set()
            if use:
                marked = mailboxes.set_special_use(database, row.id, special)
                for one in marked:
                    metadata.note_change(database, one, me, SPECIAL_USE, now)
                changed.update(marked)
            version = metadata.store(database, row.id, me, kept, now, most)
            # RFC 7162 §3.2: it is a change of the mailbox.
            deltas = [mailboxes.touch(database, one) for one in sorted(changed)]
            # Who follows the list of names is woken, and looks at this too.
            return Outcome(version, deltas, names_changed=True)

        return await account.lane.write(work)


def _special_use(value: bytes | None) -> SpecialUse | None:
    """Read the value of the entry. Raises `InvalidUse`."""
    words = (value or b"").decode("ascii", "replace").split()
    if not words:
        return None
    use = _USES.get(words[0].lower())
    if len(words) > 1 or use is None or use in VIRTUAL_USES:
        raise InvalidUse
    return use
