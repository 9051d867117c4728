"""MULTIAPPEND: all or none, bounded, linear."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.append import Append
from imapd.extensions.multiappend import FEATURE, MOST
from imapd.features import ALL
from imapd.session import append_program
from imapd.session.append_program import NewMessage, PlainData
from imapd.session.registry import Registry
from imapd.wire.framing import Literal
from mailstore.blobs import writer
from mailstore.blobs.filesystem import FileSystem
from mailstore.errors import Unavailable
from mailstore.lanes import Future
from mailstore.model import InternalDate
from mailstore.service import Access
from tests.imapd.commands.peers import reparsed
from tests.support.furnished import OPTIONS
from tests.support.responses import Exists, Fetch
from tests.support.session import Session, World

FIRST, SECOND = b"Subject: one\r\n\r\n1\r\n", b"Subject: two\r\n\r\n22\r\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session()


def several(*messages: bytes, head: bytes = b"") -> bytes:
    pieces = [b" %b{%d+}\r\n%b" % (head, len(data), data) for data in messages]
    return b"APPEND INBOX" + b"".join(pieces)


def spooled(path: Path) -> list[Path]:
    return list((path / "accounts").rglob("*.part"))


def test_all_are_stored_in_order_and_named(ann):
    answer = ann.ok(
        b'APPEND INBOX (\\Seen) {%d+}\r\n%b " 7-Feb-1994 22:43:04 -0800" {%d+}\r\n%b'
        % (len(FIRST), FIRST, len(SECOND), SECOND)
    )
    assert answer.code == "APPENDUID"
    assert answer.status.code.value[1] == (1, 2)
    ann.ok(b"SELECT INBOX")
    found = ann.ok(b"FETCH 1:2 (FLAGS INTERNALDATE BODY.PEEK[])").of(Fetch)
    assert [one.items["BODY[]"] for one in found] == [FIRST, SECOND]
    assert "\\Seen" in found[0].items["FLAGS"]
    assert "\\Seen" not in found[1].items["FLAGS"]
    assert found[1].items["INTERNALDATE"].year == 1994


def test_each_is_asked_for(ann):
    ann.begin(b"APPEND INBOX (\\Seen) {%d}" % len(FIRST))
    (asked,) = ann.feed(FIRST + b" {%d}\r\n" % len(SECOND))
    assert asked.text
    done = ann.feed(SECOND + b"\r\n")[-1]
    assert done.code.value[1] == (1, 2)


def test_an_empty_message_cancels_all(ann, tmp_path):
    """RFC 3502: what a client does that changed its mind."""
    ann.no(several(FIRST, b""))
    ann.begin(b"APPEND INBOX {%d}" % len(FIRST))
    assert ann.feed(FIRST + b" {0}\r\n")[-1].kind == "NO"
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
    assert not spooled(tmp_path)


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (b" {3+}\r\na\x00b", "NO"),
        (b" (\\Recent) {3+}\r\nabc", "BAD"),
        (b" {3+}\r\nabc trailing", "BAD"),
        (b"  {3+}\r\nabc", "BAD"),
        (b' "32-Jan-2026 00:00:00 +0000" {3+}\r\nabc', "BAD"),
        (b" (" + b" ".join(b"k%d" % n for n in range(256)) + b") {3+}\r\nabc", "NO"),
    ],
)
def test_whatever_is_wrong_with_one_keeps_all_out(ann, tmp_path, second, kind):
    large = b"x" * 2_000_000
    answer = ann.run(several(large) + second)
    assert answer.status.kind == kind
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
    assert not spooled(tmp_path)


def test_one_too_big_is_refused_before_it_comes(ann):
    ann.begin(b"APPEND INBOX {%d}" % len(FIRST))
    size = OPTIONS.max_message + 1
    (told,) = ann.feed(FIRST + b" {%d}\r\n" % size)
    assert (told.kind, told.code.name) == ("NO", "TOOBIG")
    ann.ok(b"NOOP")


@pytest.mark.parametrize("call", ["sync", "write", "rename"])
def test_a_disk_that_fails_once_keeps_all_out(ann, monkeypatch, tmp_path, call):
    real = getattr(FileSystem, call)
    failures = [Unavailable("the disk failed")]

    def failing(self: FileSystem, *arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(self, *arguments)

    monkeypatch.setattr(FileSystem, call, failing)
    messages = (FIRST, b"x" * 2_000_000, SECOND)
    ann.no(several(*messages), "UNAVAILABLE")
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
    assert not spooled(tmp_path)
    ann.ok(several(*messages))
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(3)]


def test_a_connection_that_breaks_leaves_nothing(world, ann, tmp_path):
    ann.begin(b"APPEND INBOX {2000000}")
    ann.feed(b"x" * 2_000_000 + b" {3000000}\r\n" + b"y" * 100)
    assert len(spooled(tmp_path)) == 2
    ann.drop()
    assert not spooled(tmp_path)


def test_one_that_breaks_while_the_next_message_is_decided_about_leaves_nothing(
    world, ann, tmp_path, monkeypatch
):
    """The command is whole when its client is known to be gone."""
    decided: list[Future[None]] = []
    admit = Access.admit

    async def waiting(self: Access, *arguments: Any, **more: Any) -> Any:
        if decided:
            await decided[0]
        decided.append(world.runtime.future())
        return await admit(self, *arguments, **more)

    monkeypatch.setattr(Access, "admit", waiting)
    ann.feed(b"t " + several(b"x" * 2_000_000, FIRST) + b"\r\n")
    assert len(spooled(tmp_path)) == 1
    ann.drop()
    decided[0].succeed(None)
    assert not spooled(tmp_path)
    assert world.session().ok(b"SELECT INBOX").of(Exists) == [Exists(0)]


def test_memory_is_bounded_and_no_descriptor_waits_for_what_is_copied(ann, tmp_path):
    """From 4 MiB on messages wait on the disk, whatever their size."""
    piece = b"x" * 500_000
    ann.feed(b"t APPEND INBOX {500000}\r\n")
    for number in range(1, 21):
        ann.feed(piece + b" {500000}\r\n")
        assert len(spooled(tmp_path)) == max(0, number - 9)
        held = [fd for fd in Path("/proc/self/fd").iterdir() if _is_spool(fd)]
        assert held == []
    (done,) = ann.feed(piece + b"\r\n")
    assert done.code.value[1] == tuple(range(1, 22))
    assert not spooled(tmp_path)


def test_few_descriptors_wait_for_files_of_their_own(ann, tmp_path, monkeypatch):
    most = 3
    monkeypatch.setattr(writer, "_kept", threading.BoundedSemaphore(most))
    piece = b"x" * 1_100_000
    ann.feed(b"t APPEND INBOX {1100000}\r\n")
    for number in range(1, 7):
        ann.feed(piece + b" {1100000}\r\n")
        assert len(spooled(tmp_path)) == number
        held = [fd for fd in Path("/proc/self/fd").iterdir() if _is_spool(fd)]
        assert len(held) == min(most, number)
    (done,) = ann.feed(piece + b"\r\n")
    assert done.code.value[1] == tuple(range(1, 8))
    assert not spooled(tmp_path)


def _is_spool(fd: Path) -> bool:
    try:
        return fd.readlink().name.endswith(".part")
    except FileNotFoundError:  # it was the listing's own
        return False


def test_no_more_than_one_command_may_bring(ann):
    ann.bad(several(*[b"x"] * (MOST + 1)))
    ann.ok(several(*[b"x"] * MOST))
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(MOST)]


def test_heads_are_read_once(ann, monkeypatch):
    """The work is linear in the messages: each announcement reads its own head."""
    read: list[int] = []
    real = append_program._read_head

    def counting(*arguments: Any) -> Any:
        read.append(1)
        return real(*arguments)

    monkeypatch.setattr(append_program, "_read_head", counting)
    ann.ok(several(*[b"x"] * 100))
    assert len(read) == 200  # once before the octets, once for the whole command


def test_without_the_feature_one_message_is_all(tmp_path):
    world = World(tmp_path)
    services = world.services
    registry = Registry.of(f for f in ALL if f is not FEATURE)
    world.services = type(services)(
        **{
            name: getattr(services, name)
            for name in services.__dataclass_fields__
            if name != "registry"
        },
        registry=registry,
    )
    ann = world.session()
    ann.bad(several(FIRST, SECOND))
    ann.ok(several(FIRST))
    world.close()


MESSAGES = st.lists(
    st.builds(
        NewMessage,
        st.binary(min_size=1, max_size=30).map(
            lambda data: PlainData(Literal(len(data), data, synchronizing=False))
        ),
        st.sampled_from([(), ("\\Seen",), ("\\Seen", "k")]),
        st.sampled_from([None, InternalDate(1_769_902_200, 60)]),
    ),
    min_size=1,
    max_size=5,
)


@given(MESSAGES)
def test_inverse(messages):
    node = Append(b"a b", tuple(messages))
    assert reparsed("APPEND", node) == node
