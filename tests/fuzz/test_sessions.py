"""Several sessions on two mailboxes: each client's mirror, made only of what it was
told, equals the store in the end, and nothing it was told broke a rule on the way.

The rules (RFC 3501 §7): EXPUNGE names a message that is there, and comes during no
FETCH, STORE or SEARCH by number; EXISTS never shrinks; UIDs ascend by number and a
message keeps its UID; flags that are told are the flags.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
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

from mailstore.maintenance.check import check
from tests.support.responses import (
    Exists,
    Expunge,
    Fetch,
    SearchResult,
    SortResult,
    Status,
    Threads,
)
from tests.support.session import Session, World

BOXES = ("INBOX", "Other")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "alpha", "Beta")
HOLD = ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")


@dataclass
class Mirror:
    """What one client believes."""

    session: Session
    mailbox: str | None = None
    uids: list[int | None] = field(default_factory=list)
    flags: list[frozenset[str] | None] = field(default_factory=list)
    idle: bool = False

    def absorb(self, responses: Any, command: str = "") -> None:
        for response in responses:
            match response:
                case Exists(number):
                    assert number >= len(self.uids)
                    grown = number - len(self.uids)
                    self.uids += [None] * grown
                    self.flags += [None] * grown
                case Expunge(number):
                    assert 1 <= number <= len(self.uids)
                    assert command not in HOLD
                    del self.uids[number - 1], self.flags[number - 1]
                case Fetch():
                    self._fetched(response)
                case _:
                    continue

    def _fetched(self, response: Fetch) -> None:
        at = response.number - 1
        assert 0 <= at < len(self.uids)
        uid, flags = response.items.get("UID"), response.items.get("FLAGS")
        if isinstance(uid, int):
            assert self.uids[at] in (None, uid)
            self.uids[at] = uid
            known = [one for one in self.uids if one is not None]
            assert known == sorted(set(known))
        if isinstance(flags, frozenset):
            self.flags[at] = flags - {"\\Recent"}

    def run(self, command: str) -> tuple[Status, Any]:
        answer = self.session.run(command.encode("ascii"))
        self.absorb(answer.untagged, command.split(maxsplit=1)[0])
        assert answer.status.kind in ("OK", "NO"), answer.status
        return answer.status, answer

    def select(self, name: str) -> None:
        self.uids, self.flags, self.mailbox = [], [], name
        status, _ = self.run(f"SELECT {name}")
        assert status.kind == "OK"
        self.learn()

    def learn(self) -> None:
        if self.uids:
            self.run("FETCH 1:* (UID FLAGS)")


def _flags(response: Fetch) -> frozenset[str]:
    flags = response.items["FLAGS"]
    assert isinstance(flags, frozenset)
    return flags


numbers = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(
    lambda found: ",".join(map(str, found))
)
flag_lists = st.lists(st.sampled_from(FLAGS), max_size=2, unique=True).map(" ".join)


class Sessions(RuleBasedStateMachine):
    """Random commands of several clients."""

    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        self.world = World(self.path)
        self.all: list[Mirror] = []
        self._messages = 0

    @initialize(target=clients)
    def begin(self) -> Any:
        first = self._connect()
        first.run("CREATE Other")
        for _ in range(4):
            self._append("INBOX")
        return multiple(first, self._connect(), self._connect())

    def _connect(self) -> Mirror:
        mirror = Mirror(self.world.session())
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

    @rule(client=clients, name=st.sampled_from(BOXES))
    def select(self, client, name):
        if not client.idle:
            client.select(name)

    @rule(client=clients, flags=flag_lists)
    def append(self, client, flags):
        if client.idle:
            return
        self._messages += 1
        command = f"APPEND INBOX ({flags}) {{3+}}\r\nabc"
        status, _ = client.run(command)
        assert status.kind == "OK"

    @rule(
        client=clients,
        chosen=numbers,
        by_uid=st.booleans(),
        how=st.sampled_from(["FLAGS", "+FLAGS", "-FLAGS"]),
        silent=st.booleans(),
        flags=flag_lists,
    )
    def store(self, client, chosen, by_uid, how, silent, flags):
        if self._busy(client):
            return
        prefix, largest = ("UID ", 99) if by_uid else ("", len(client.uids))
        chosen = [n for n in map(int, chosen.split(",")) if n <= largest]
        if not chosen:
            return
        word = f"{how}.SILENT" if silent else how
        names = ",".join(map(str, chosen))
        before = list(zip(client.uids, client.flags, strict=True))
        status, answer = client.run(f"{prefix}STORE {names} {word} ({flags})")
        if answer.of(Expunge):
            # Numbers have moved: whom the answers were about is too hard to say.
            client.flags = [None] * len(client.flags)
        elif status.kind == "OK" and silent:
            told = {f.number for f in answer.of(Fetch)}
            asked = [
                at
                for at, (uid, _) in enumerate(before, 1)
                if (uid if by_uid else at) in chosen and at not in told
            ]
            self._assume(client, before, asked, how, frozenset(flags.split()))
            if by_uid:  # whose UID it doesn't know, it cannot tell whether it asked for
                for at, (uid, _) in enumerate(before):
                    if uid is None and at + 1 not in told:
                        client.flags[at] = None

    def _assume(self, client, before, asked, how, wanted):
        """.SILENT: the client works out by itself what it asked for."""
        for at in asked:
            uid, old = before[at - 1]
            if old is None or at > len(client.uids) or client.uids[at - 1] != uid:
                continue
            client.flags[at - 1] = {
                "FLAGS": wanted,
                "+FLAGS": old | wanted,
                "-FLAGS": old - wanted,
            }[how]

    @rule(client=clients, chosen=numbers, body=st.booleans())
    def fetch(self, client, chosen, body):
        if self._busy(client) or not client.uids:
            return
        chosen = ",".join(
            str(n) for n in map(int, chosen.split(",")) if n <= len(client.uids)
        )
        if chosen:
            items = "UID FLAGS BODY[]" if body else "UID FLAGS"
            client.run(f"FETCH {chosen} ({items})")

    @rule(client=clients, key=st.sampled_from(["ALL", "DELETED", "UNSEEN", "BODY x"]))
    def search(self, client, key):
        if self._busy(client):
            return
        _, answer = client.run(f"SEARCH {key}")
        (found,) = answer.of(SearchResult)
        assert all(1 <= n <= len(client.uids) for n in found.numbers)

    @rule(
        client=clients,
        key=st.sampled_from(["ALL", "DELETED", "UNSEEN"]),
        by=st.sampled_from(["SUBJECT", "REVERSE DATE", "REVERSE UID SIZE"]),
    )
    def sort(self, client, key, by):
        """SORT and THREAD give the messages of SEARCH, each once."""
        if self._busy(client):
            return
        known = len(client.uids)
        _, answer = client.run(f"SEARCH {key}")
        (found,) = answer.of(SearchResult)
        _, answer = client.run(f"SORT ({by}) UTF-8 {key}")
        (ordered,) = answer.of(SortResult)
        assert set(found.numbers) == {
            number for number in ordered.numbers if number <= known
        }
        _, answer = client.run(f"THREAD REFERENCES UTF-8 {key}")
        (threads,) = answer.of(Threads)
        told = [number for (number,) in threads.threads]
        assert sorted(told) == sorted(ordered.numbers)

    @rule(client=clients)
    def expunge(self, client):
        if not self._busy(client):
            client.run("EXPUNGE")

    @rule(client=clients, uid=st.integers(1, 8))
    def uid_expunge(self, client, uid):
        if not self._busy(client):
            client.run(f"UID EXPUNGE 1:{uid}")

    @rule(
        client=clients,
        uid=st.integers(1, 8),
        move=st.booleans(),
        to=st.sampled_from(BOXES),
    )
    def transfer(self, client, uid, move, to):
        if not self._busy(client):
            client.run(f"UID {'MOVE' if move else 'COPY'} {uid} {to}")

    @rule(client=clients)
    def noop(self, client):
        if not client.idle:
            client.run("NOOP")

    @rule(client=clients)
    def idle(self, client):
        if client.idle:
            client.absorb(client.session.feed(b"DONE\r\n"))
            client.idle = False
        else:
            client.absorb(client.session.begin(b"IDLE"))
            client.idle = True

    @rule(client=clients)
    def close(self, client):
        if not self._busy(client):
            client.session.ok(b"CLOSE")
            client.mailbox, client.uids, client.flags = None, [], []

    @rule(target=clients, client=consumes(clients))
    def reconnect(self, client):
        client.session.drop()
        self.all.remove(client)
        return self._connect()

    @rule()
    def rename_inbox(self):
        if self.all and not self.all[0].idle:
            self.all[0].run("RENAME INBOX Other/kept")

    @invariant()
    def idle_clients_hear_at_once(self):
        for client in self.all:
            if client.idle:
                client.absorb(client.session.read())
                self._equals(client)

    def _equals(self, client: Mirror) -> None:
        if client.mailbox is None:
            return
        truth = Mirror(self.world.session())
        truth.session.ok(b"EXAMINE " + client.mailbox.encode("ascii"))
        answer = truth.session.ok(b"UID FETCH 1:* (UID FLAGS)")
        rows = {f.items["UID"]: _flags(f) for f in answer.of(Fetch)}
        truth.session.ok(b"LOGOUT")
        assert len(client.uids) == len(rows)
        for uid, true, known_uid, known in zip(
            rows, rows.values(), client.uids, client.flags, strict=True
        ):
            assert known_uid in (None, uid)
            if known is not None:
                assert known == true - {"\\Recent"}

    def teardown(self) -> None:
        try:
            for client in self.all:
                if client.idle:
                    client.absorb(client.session.feed(b"DONE\r\n"))
                client.run("NOOP")
                self._equals(client)
            self.world.close()
            report = check(self.path)
            assert report.whole, report
        finally:
            self.world.close()
            self._folder.cleanup()


Sessions.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
test_mirrors_are_true = Sessions.TestCase
