"""Two clients that keep annotations in mind, built from responses alone (RFC 5257).

Whatever they do to each other's mailbox: behind a NOOP each knows what is there,
because it was told the name of every entry that the other one has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.responses import Fetch
from tests.support.session import World

if TYPE_CHECKING:
    import pytest

    from tests.support.session import Answer, Session

Values = dict[str, bytes | None]
ENTRIES = ("/comment", "/altsubject", "/vendor/x/y")
NAMES = ("value.priv", "value.shared")


class Client:
    """Knows values by UID and entry; what it was told has changed it asks for again."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.ok(b"SELECT INBOX (ANNOTATE)")
        self.known: dict[int, dict[str, Values]] = {}
        self.stale: set[int] = set()
        self.catch_up()

    def hear(self, answer: Answer) -> None:
        for one in answer.of(Fetch):
            found = one.items.get("ANNOTATION")
            if not isinstance(found, dict):
                continue
            if all(value is None for value in found.values()) and found:
                for entry in found:
                    self.known.get(one.uid, {}).pop(entry, None)
                self.stale.add(one.uid)
            else:
                self.known[one.uid] = {**found}

    def store(self, uid: int, entry: str, name: str, value: bytes | None) -> None:
        text = b"NIL" if value is None else b'"%b"' % value
        command = b"UID STORE %d ANNOTATION (%b (%b %b))"
        answer = self.session.ok(command % (uid, entry.encode(), name.encode(), text))
        if uid in self.known:
            values = self.known[uid].setdefault(entry, dict.fromkeys(NAMES))
            values[name] = value
        self.hear(answer)

    def catch_up(self) -> None:
        self.hear(self.session.ok(b"NOOP"))
        there = {one.uid for one in self.session.ok(b"UID FETCH 1:* (UID)").of(Fetch)}
        self.known = {uid: kept for uid, kept in self.known.items() if uid in there}
        for uid in (there - self.known.keys()) | (self.stale & there):
            self.hear(self.session.ok(b"UID FETCH %d (ANNOTATION (* value))" % uid))
        self.stale.clear()

    def belief(self) -> dict[int, dict[str, Values]]:
        return {
            uid: {e: v for e, v in entries.items() if set(v.values()) != {None}}
            for uid, entries in self.known.items()
        }


def truth(world: World) -> dict[int, dict[str, Values]]:
    session = world.session(mailbox=b"INBOX")
    answer = session.ok(b"UID FETCH 1:* (ANNOTATION (* value))")
    found = {one.uid: one.typed("ANNOTATION", dict) for one in answer.of(Fetch)}
    session.ok(b"LOGOUT")
    return found


who = st.booleans()
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("store"), who, st.integers(1, 4), st.sampled_from(ENTRIES),
            st.sampled_from(NAMES), st.sampled_from([None, b"a", b"b"]),
        ),
        st.tuples(st.just("deliver")),
        st.tuples(st.just("copy"), who, st.integers(1, 4)),
        st.tuples(st.just("expunge"), who, st.integers(1, 4)),
        st.tuples(st.just("flag"), who, st.integers(1, 4)),
        st.tuples(st.just("catch up"), who),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=20)
@given(steps)
@example(
    [
        ("store", True, 1, "/comment", "value.shared", b"a"),
        ("store", False, 1, "/comment", "value.priv", b"b"),
    ]
)
def test_two_clients_know_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, todo: list[tuple[object, ...]]
):
    folder: Path = tmp_path_factory.mktemp("world")
    world = World(folder)
    world.deliver(b"a", b"b", b"c")
    clients = [Client(world.session()), Client(world.session())]
    for kind, *arguments in todo:
        if kind == "deliver":
            world.deliver(b"d")
            continue
        client = clients[bool(arguments[0])]
        if kind == "catch up":
            client.catch_up()
            continue
        uid = arguments[1]
        assert isinstance(uid, int)
        if kind == "store":
            _, _, entry, name, value = arguments
            if uid in client.known:
                client.store(uid, str(entry), str(name), value)  # type: ignore[arg-type]
        elif kind == "copy":
            client.hear(client.session.run(b"UID COPY %d INBOX" % uid))
        elif kind == "flag":
            client.hear(client.session.run(b"UID STORE %d +FLAGS (x)" % uid))
        else:
            client.hear(client.session.run(b"UID STORE %d +FLAGS (\\Deleted)" % uid))
            client.hear(client.session.run(b"UID EXPUNGE %d" % uid))
    for client in clients:
        client.catch_up()
    real = truth(world)
    assert clients[0].belief() == clients[1].belief() == real
    world.close()
