"""Several sessions on two mailboxes: each client's mirror, made only of what it was
told, equals the store in the end, and nothing it was told broke a rule on the way.

The clients are of all kinds: plain ones, such that are told mod-sequences, such that
come back by QRESYNC after their connection broke, and such without message numbers.
The rules are those of `tests.fuzz.mirror`; tombstones are purged in between, and few of
them are remembered as ranges.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from mailstore.index import vanished
from mailstore.maintenance.check import check
from tests.fuzz.mirror import Kind, Mirror, Slot, comparable
from tests.support.responses import Fetch, SearchResult, SortResult, Status, Threads
from tests.support.session import World

BOXES = ("INBOX", "Other")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "alpha", "Beta")
HOWS = ("FLAGS", "+FLAGS", "-FLAGS")
MONTH = 31 * 86_400


def _flags(response: Fetch) -> frozenset[str]:
    flags = response.items["FLAGS"]
    assert isinstance(flags, frozenset)
    return flags


numbers = st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True)
flag_lists = st.lists(st.sampled_from(FLAGS), max_size=2, unique=True).map(" ".join)


def members(thread: Iterable[Any]) -> Iterator[int]:
    """Give the messages of threads, however deep."""
    for one in thread:
        if isinstance(one, int):
            yield one
        else:
            yield from members(one)


class Sessions(RuleBasedStateMachine):
    """Random commands of several clients."""

    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        self.world = World(self.path)
        self.all: list[Mirror] = []
        self.modseqs: dict[str, dict[tuple[str, int], int]] = {}
        self._messages = 0
        self._most_ranges, vanished.MOST_RANGES = vanished.MOST_RANGES, 1

    @initialize(target=clients)
    def begin(self) -> Any:
        first = self._connect(Kind.PLAIN)
        first.run("CREATE Other")
        for _ in range(4):
            self._append("INBOX")
        first.select("INBOX")
        return multiple(first, *[self._connect(kind) for kind in list(Kind)[1:]])

    def _mirror(self, kind: Kind, who: str, **more: Any) -> Mirror:
        told = self.modseqs.setdefault(who, {})
        prefix = "" if who == "ann" else "Other Users/ann/"
        session = self.world.session(who)
        return Mirror(session, kind, told, who=who, prefix=prefix, **more)

    def _connect(self, kind: Kind, who: str = "ann") -> Mirror:
        mirror = self._mirror(kind, who)
        self.all.append(mirror)
        mirror.select("INBOX")
        return mirror

    def _append(self, name: str) -> None:
        self._messages += 1
        self.world.deliver(b"Subject: %d\r\n\r\nx\r\n" % self._messages, to=name)

    def _busy(self, client: Mirror) -> bool:
        return client.idle or client.mailbox is None

    @rule(name=st.sampled_from(BOXES))
    def arrive(self, name):
        self._append(name)

    @rule(client=clients, name=st.sampled_from(BOXES), named=st.booleans())
    def select(self, client, name, named):
        if not client.idle:
            client.select(name, named=named)

    @rule(client=clients, flags=flag_lists)
    def append(self, client, flags):
        if client.idle:
            return
        self._messages += 1
        command = f"APPEND {client.wire('INBOX')} ({flags}) {{3+}}\r\nabc"
        assert client.ask(command).status.kind == "OK"

    def _chosen(self, client: Mirror, chosen: list[int], *, by_uid: bool) -> str:
        """Give a set and the word before the command; "" if it would be empty."""
        by_uid = by_uid or client.kind is Kind.UIDONLY
        most = 99 if by_uid else len(client.slots)
        return ",".join(str(n) for n in chosen if n <= most)

    @rule(
        client=clients,
        chosen=numbers,
        by_uid=st.booleans(),
        how=st.sampled_from([f"{how}{end}" for how in HOWS for end in ("", ".SILENT")]),
        flags=flag_lists,
        since=st.none() | st.integers(0, 3),
    )
    def store(self, client, chosen, by_uid, how, flags, since):
        by_uid = by_uid or client.kind is Kind.UIDONLY
        names = self._chosen(client, chosen, by_uid=by_uid)
        if self._busy(client) or not names:
            return
        word = how
        if since is not None and client.kind.aware:
            word = f"(UNCHANGEDSINCE {max(client.highest - since, 0)}) {word}"
        asked, unsure = self._asked(client, names, by_uid=by_uid)
        prefix = "UID " if by_uid else ""
        answer = client.ask(f"{prefix}STORE {names} {word} ({flags})")
        for slot in unsure:  # whose UID it doesn't know, it cannot tell if it asked
            if slot not in client.loud:
                slot.flags = None
        if answer.status.kind == "OK" and how.endswith(".SILENT"):
            self._check_refused(client, answer.status)
            plain = how.removesuffix(".SILENT")
            self._assume(client, asked, plain, comparable(flags.split()))

    def _asked(
        self, client: Mirror, names: str, *, by_uid: bool
    ) -> tuple[list[Slot], list[Slot]]:
        wanted = {int(name) for name in names.split(",")}
        if not by_uid:
            return [client.slots[number - 1] for number in wanted], []
        asked = [slot for slot in client.slots if slot.uid in wanted]
        return asked, [slot for slot in client.slots if slot.uid is None]

    def _check_refused(self, client: Mirror, status: Status) -> None:
        """RFC 7162 §3.1.3: who is refused needn't ask why."""
        if status.code is not None and status.code.name == "MODIFIED":
            assert isinstance(status.code.value, tuple)
            assert len(client.loud) >= len(status.code.value)

    def _assume(self, client, asked, how, wanted):
        """.SILENT: the client works out by itself what it asked for."""
        for slot in asked:
            old = slot.flags
            if old is None or slot in client.loud:
                continue
            slot.flags = {
                "FLAGS": wanted,
                "+FLAGS": old | wanted,
                "-FLAGS": old - wanted,
            }[how]

    @rule(client=clients, chosen=numbers, by_uid=st.booleans(), body=st.booleans())
    def fetch(self, client, chosen, by_uid, body):
        by_uid = by_uid or client.kind is Kind.UIDONLY
        names = self._chosen(client, chosen, by_uid=by_uid)
        if self._busy(client) or not names:
            return
        items = "UID FLAGS BODY[]" if body else "UID FLAGS"
        if client.kind.aware:
            items += " MODSEQ"
        client.ask(f"{'UID ' if by_uid else ''}FETCH {names} ({items})")

    @rule(client=clients, since=st.integers(0, 6))
    def catch_up(self, client, since):
        """As Evolution does in a mailbox that it has open."""
        if self._busy(client) or not client.kind.aware:
            return
        word = " VANISHED" if client.kind.comes_back else ""
        since = max(client.highest - since, 0)
        known = {slot.uid for slot in client.slots}
        client.ask(f"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since}{word})")
        assert known.isdisjoint(client.earlier)

    @rule(client=clients, key=st.sampled_from(["ALL", "DELETED", "UNSEEN", "BODY x"]))
    def search(self, client, key):
        if self._busy(client):
            return
        by_uid = client.kind is Kind.UIDONLY
        answer = client.ask(f"{'UID ' if by_uid else ''}SEARCH {key}")
        (found,) = answer.of(SearchResult)
        if not by_uid:
            assert all(1 <= n <= len(client.slots) for n in found.numbers)

    @rule(
        client=clients,
        key=st.sampled_from(["ALL", "DELETED", "UNSEEN"]),
        by=st.sampled_from(["SUBJECT", "REVERSE DATE", "REVERSE UID SIZE"]),
    )
    def sort(self, client, key, by):
        """SORT and THREAD give the messages of SEARCH, each once."""
        if self._busy(client):
            return
        client.ask("NOOP")  # held removals would move the numbers between the answers
        prefix, known = "", len(client.slots)
        if client.kind is Kind.UIDONLY:
            prefix, known = "UID ", max([s.uid or 0 for s in client.slots], default=0)
        (found,) = client.ask(f"{prefix}SEARCH {key}").of(SearchResult)
        answer = client.ask(f"{prefix}SORT ({by}) UTF-8 {key}")
        (ordered,) = answer.of(SortResult)
        assert set(found.numbers) == {
            number for number in ordered.numbers if number <= known
        }
        answer = client.ask(f"{prefix}THREAD REFERENCES UTF-8 {key}")
        (threads,) = answer.of(Threads)
        # A message and its copy have one Message-ID: they may be one thread.
        assert sorted(members(threads.threads)) == sorted(ordered.numbers)

    @rule(client=clients)
    def expunge(self, client):
        if not self._busy(client):
            client.ask("EXPUNGE")

    @rule(client=clients, uid=st.integers(1, 8))
    def uid_expunge(self, client, uid):
        if not self._busy(client):
            client.ask(f"UID EXPUNGE 1:{uid}")

    @rule(client=clients, number=st.integers(1, 6))
    def remove(self, client, number):
        """Remove one message whose UID it knows."""
        if self._busy(client) or number > len(client.slots):
            return
        uid = client.slots[number - 1].uid
        if uid is not None:
            client.ask(f"UID STORE {uid} +FLAGS (\\Deleted)")
            client.ask(f"UID EXPUNGE {uid}")

    @rule(
        client=clients,
        uid=st.integers(1, 8),
        move=st.booleans(),
        to=st.sampled_from(BOXES),
    )
    def transfer(self, client, uid, move, to):
        if not self._busy(client):
            word = "MOVE" if move else "COPY"
            client.ask(f"UID {word} {uid} {client.wire(to)}")

    @rule(client=clients)
    def noop(self, client):
        if not client.idle:
            client.ask("NOOP")

    @rule(client=clients)
    def idle(self, client):
        if client.idle:
            self._end_idle(client)
        else:
            client.absorb(client.session.begin(b"IDLE"))
            client.idle = True

    def _end_idle(self, client: Mirror) -> None:
        client.absorb(client.session.feed(b"DONE\r\n"))
        client.settle()
        client.idle = False
        if client.kind.comes_back and client.mailbox is not None:
            client.learn()

    @rule(client=clients)
    def close(self, client):
        if not self._busy(client):
            client.leave()
            client.session.ok(b"CLOSE")
            client.mailbox, client.slots = None, []

    @rule(
        target=clients,
        client=consumes(clients),
        named=st.booleans(),
        last=st.sampled_from(["", "FETCH 1 (UID)", "STORE 1 +FLAGS (beta)"]),
    )
    def reconnect(self, client, named, last):
        """Its connection breaks; it comes back to where it was.

        What it did last may have told mod-sequences and held removals back.
        """
        if last and client.slots and not self._busy(client):
            client.ask(f"{'UID ' if client.kind is Kind.UIDONLY else ''}{last}")
        client.session.drop()
        self.all.remove(client)
        name = client.mailbox or "INBOX"
        client.leave()
        again = self._mirror(client.kind, client.who, places=client.places)
        self.all.append(again)
        again.select(name, named=named)
        return again

    @rule()
    def rename_inbox(self):
        if self.all and not self.all[0].idle:
            self.all[0].ask("RENAME INBOX Other/kept")

    @rule()
    def purge(self):
        """Tombstones go; what is left are ranges, and not all of them."""
        self.world.runtime.time += MONTH

        async def work() -> None:
            found = self.world.store.directory.find("ann")
            assert found is not None
            account = await self.world.store.account(found.id)
            await account.purge()
            await account.close()

        self.world.runtime.run(work())

    @invariant()
    def idle_clients_hear_at_once(self):
        for client in self.all:
            if client.idle:
                client.absorb(client.session.read())
                self._equals(client)

    def _equals(self, client: Mirror) -> None:
        if client.mailbox is None:
            return
        truth = self.world.session(client.who)
        truth.ok(f"EXAMINE {client.wire(client.mailbox)}".encode("ascii"))
        answer = truth.ok(b"UID FETCH 1:* (UID FLAGS)")
        rows = [(f.uid, comparable(_flags(f))) for f in answer.of(Fetch)]
        truth.ok(b"LOGOUT")
        assert len(client.slots) == len(rows)
        if client.kind is Kind.UIDONLY:
            known = {slot.uid: slot.flags for slot in client.slots if slot.uid}
            client_rows = [Slot(uid, known.get(uid)) for uid, _ in rows]
            assert known.keys() <= {uid for uid, _ in rows}
        else:
            client_rows = client.slots
        for (uid, true), slot in zip(rows, client_rows, strict=True):
            assert slot.uid in (None, uid)
            assert slot.flags in (None, true)

    def teardown(self) -> None:
        try:
            for client in self.all:
                if client.idle:
                    self._end_idle(client)
                client.ask("NOOP")
                self._equals(client)
                if client.mailbox is not None and client.kind.comes_back:
                    client.select(client.mailbox)
                    self._equals(client)
            self.world.close()
            report = check(self.path)
            assert report.whole, report
        finally:
            vanished.MOST_RANGES = self._most_ranges
            self.world.close()
            self._folder.cleanup()


Sessions.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
test_mirrors_are_true = Sessions.TestCase


def test_a_keyword_is_the_same_in_any_case():
    """RFC 9051 §9: the first spelling stays, whatever the later ones are."""
    machine = Sessions()
    try:
        machine.begin()
        client = machine.all[0]
        assert client.ask("STORE 1 +FLAGS (beta)").status.kind == "OK"
        machine.store(client, [1], False, "FLAGS.SILENT", "Beta", None)
        machine._equals(client)
    finally:
        machine.teardown()
