"""Messages that commands bring: plugs for options and data, in any combination."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imapd.features import ALL
from imapd.session.appending import AppendDataSpec, AppendOptionSpec
from imapd.session.context import Context
from imapd.session.registry import Feature, Registry, RegistryError
from imapd.wire.cursor import Cursor
from imapd.wire.framing import Literal
from mailstore.model import Arrival
from tests.support.responses import Fetch
from tests.support.session import Session, World


@dataclass(frozen=True, slots=True)
class Marked:
    """An option that adds a keyword: ``MARK word``."""

    word: bytes

    def unparse(self) -> bytes:
        return b"MARK " + self.word

    def enrich(self, arrival: Arrival) -> Arrival:
        return arrival._replace(flags=(*arrival.flags, self.word.decode()))


@dataclass(frozen=True, slots=True)
class Joined:
    """Data of several small literals: ``JOIN (WORD {1} BODY {2})``."""

    word: bytes
    body: Literal

    def unparse(self) -> bytes:
        return b"JOIN"

    async def arrive(self, _: Context, __: str) -> Arrival:
        sink = self.body.sink
        assert sink is not None
        content = sink.content()  # type: ignore[attr-defined]
        sink.abort()
        return Arrival(b"\r\n" + self.word + content)


def parse_mark(cursor: Cursor, _: Registry) -> Marked:
    cursor.sp()
    return Marked(cursor.astring())


def parse_join(cursor: Cursor, _: Registry) -> Joined:
    cursor.sp()
    cursor.expect(b"(WORD ")
    word = cursor.astring()
    cursor.expect(b" BODY ")
    body = cursor.literal()
    cursor.expect(b")")
    return Joined(word, body)


TRIAL = Feature(
    name="TRIAL",
    rfc=(),
    append_options=(AppendOptionSpec("MARK", parse_mark, "RFC 4466 §2.6.1"),),
    append_data=(
        AppendDataSpec(
            "JOIN", parse_join, "RFC 4466 §2.6.1", lambda text: b" BODY {" in text[-20:]
        ),
    ),
)


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Session]:
    world = World(tmp_path)
    world.services = replace(world.services, registry=Registry.of((*ALL, TRIAL)))
    yield world.session()
    world.close()


def stored(session: Session) -> list[tuple[object, set[str]]]:
    """Give the octets and flags of all messages."""
    session.ok(b"SELECT INBOX")
    found = session.ok(b"FETCH 1:* (BODY.PEEK[] FLAGS)").of(Fetch)
    return [
        (one.items["BODY[]"], set(one.items["FLAGS"]) - {"\\Recent"})  # type: ignore[call-overload]
        for one in found
    ]


def test_options_stand_behind_flags_and_date(ann):
    ann.ok(b"APPEND INBOX (\\Seen) MARK a mark b {1+}\r\nx MARK c {1+}\r\ny")
    assert stored(ann) == [(b"x", {"\\Seen", "a", "b"}), (b"y", {"c"})]


def test_data_of_several_literals_mix_with_plain_ones(ann):
    ann.ok(
        b"APPEND INBOX {1+}\r\n1 JOIN (WORD {2+}\r\nab BODY {3+}\r\ncde)"
        b" MARK m JOIN (WORD f BODY {1+}\r\ng) (\\Seen) {1+}\r\n2"
    )
    assert stored(ann) == [
        (b"1", set()),
        (b"\r\nabcde", set()),
        (b"\r\nfg", {"m"}),
        (b"2", {"\\Seen"}),
    ]


def test_each_literal_is_asked_for_in_its_turn(ann):
    ann.begin(b"APPEND {5}")
    for sent in (b"INBOX JOIN (WORD {2}", b"ab BODY {3}", b"cde) {4}"):
        (asked,) = ann.feed(sent + b"\r\n")
        assert asked.text
    assert ann.feed(b"last\r\n")[-1].kind == "OK"
    assert stored(ann) == [(b"\r\nabcde", set()), (b"last", set())]


def test_nothing_is_looked_at_until_the_last_octet_of_a_literal_is_here(
    ann, monkeypatch
):
    """The transport hears how much is to come, and the session sleeps."""
    ann.begin(b"APPEND INBOX {1000000}")
    assert ann.expected == 1_000_000
    with monkeypatch.context() as patch:
        patch.setattr(ann.connection._framer, "next", None)  # who looks, fails
        for left in (600_000, 200_000, 1):
            ann.feed(b"x" * (ann.expected - left))
            assert ann.expected == left
    assert ann.feed(b"y\r\n")[-1].kind == "OK"
    ann.begin(b"APPEND INBOX {5+}\r\nabcde {100000}")
    assert ann.expected == 100_000
    ann.feed(b"x" * 99_999)
    assert ann.feed(b"x\r\n")[-1].kind == "OK"
    kept = [data for data, _ in stored(ann)]
    assert kept[0] == b"x" * 999_999 + b"y"
    assert kept[1:] == [b"abcde", b"x" * 100_000]


def test_what_is_no_content_is_bounded_as_any_argument(ann):
    ann.begin(b"APPEND INBOX {1}")
    (told,) = ann.feed(b"x JOIN (WORD {200000}\r\n")
    assert (told.kind, told.code.name) == ("NO", "TOOBIG")
    ann.ok(b"NOOP")


@pytest.mark.parametrize(
    "command",
    [
        b"APPEND INBOX MARK {1+}\r\nx",
        b"APPEND INBOX MARK a",
        b"APPEND INBOX NONE a {1+}\r\nx",
        b"APPEND INBOX JOIN (WORD a BODY)",
        b"APPEND INBOX JOIN (WORD a BODY {1+}\r\nx",
        b"APPEND INBOX JOIN (BODY {1+}\r\nx)",
        b"APPEND INBOX MARK a (\\Seen) {1+}\r\nx",
    ],
)
def test_refusals(ann, command):
    ann.bad(command)
    ann.ok(b"NOOP")


def test_names_are_claimed_once():
    with pytest.raises(RegistryError):
        Registry.of([TRIAL, replace(TRIAL, name="AGAIN")])
