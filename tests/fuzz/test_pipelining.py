"""Commands that come together, cut anywhere, are answered as if each had come alone.

Two sessions of one account on two copies of one store. To the one copy each command is
given whole, and the next when it is answered; to the other bursts of commands as they
come from a network: in pieces that begin and end anywhere, inside of literals too. What
each session is sent has to be the same to the last octet (RFC 3501 §5.5: the effect is
that of one command after the other).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imapd.session.limits import Limits
from tests.support.session import World

_MAIL = b"Subject: new\r\n\r\n{4}\r\nt9 LOGOUT\r\n"
_LITERALS = [
    b"APPEND INBOX (\\Seen k) {%d+}\r\n%b" % (len(_MAIL), _MAIL),
    b"APPEND Other {%d+}\r\n%b" % (len(_MAIL), _MAIL),
    b"APPEND missing {%d+}\r\n%b" % (len(_MAIL), _MAIL),
    b"SEARCH SUBJECT {3+}\r\nnew",
    b"CREATE {5+}\r\nOther",
    b"STATUS {5+}\r\nINBOX (MESSAGES UIDNEXT HIGHESTMODSEQ UNSEEN)",
]
_PLAIN = [
    b"NOOP",
    b"CHECK",
    b"CAPABILITY",
    b"SELECT INBOX",
    b"SELECT Other",
    b"EXAMINE INBOX",
    b"SELECT missing",
    b"UNSELECT",
    b"CLOSE",
    b"ENABLE CONDSTORE",
    b"FETCH 1:* FLAGS",
    b"FETCH 1 (UID ENVELOPE BODYSTRUCTURE RFC822.SIZE INTERNALDATE)",
    b"FETCH 2:3 BODY[]",
    b"FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.5>",
    b"FETCH 99 FLAGS",
    b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)",
    b"STORE 1:2 +FLAGS (\\Deleted)",
    b"STORE 1 FLAGS.SILENT (\\Answered k)",
    b"STORE 3 -FLAGS (\\Seen)",
    b"UID STORE 1:* (UNCHANGEDSINCE 9) +FLAGS (\\Flagged)",
    b"EXPUNGE",
    b"UID EXPUNGE 1:2",
    b"COPY 1:2 Other",
    b"MOVE 1 Other",
    b"SEARCH UNSEEN",
    b"SEARCH RETURN (SAVE COUNT) NOT DELETED",
    b"STORE $ +FLAGS (k2)",
    b"SORT (REVERSE DATE) UTF-8 ALL",
    b"THREAD REFERENCES UTF-8 ALL",
    b'LIST "" *',
    b'LIST "" % RETURN (STATUS (MESSAGES UNSEEN))',
    b"STATUS Other (MESSAGES UIDNEXT)",
    b"CREATE a/b",
    b"RENAME a c",
    b"DELETE Other",
    b"SUBSCRIBE Other",
    b"GETQUOTAROOT INBOX",
    b"FROB",
    b"FETCH 1 (",
    b"IDLE\r\nDONE",
]

commands = st.sampled_from([*_PLAIN, *_PLAIN, *_LITERALS])
bursts = st.tuples(
    st.integers(0, 1),
    st.lists(commands, min_size=1, max_size=9),
    st.lists(st.integers(1, 90), max_size=6),
    st.sampled_from([0, 0, 1, 3, 9]),
)
"""Which session, its commands, where to cut them (so many octets at a time), and how
many octets of the last one come only with the next burst of the session."""


@pytest.fixture(scope="module")
def store() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "store"
        world = World(path)
        world.deliver(*[b"Subject: m%d\r\n\r\nbody %d\r\n" % (n, n) for n in range(5)])
        world.session().ok(b"CREATE Other")
        world.close()
        yield path


class Side:
    """One copy of the store, and its two sessions."""

    def __init__(self, store: Path, folder: Path) -> None:
        self.world = World(
            shutil.copytree(store, folder), limits=Limits(bad_commands=10_000)
        )
        self.sessions = [self.world.session(mailbox=b"INBOX") for _ in range(2)]
        for one in self.sessions:
            one.raw = b""
        self.numbers = [0, 0]
        self.waits: list[list[bytes]] = [[], []]

    def send_alone(self, at: int, some: Sequence[bytes], *, late: bool) -> None:
        """Give one command after the other; the last with the next burst, if late."""
        given = [*self.waits[at], *self._tagged(at, some)]
        self.waits[at] = given[-1:] if late and _may_wait(some) else []
        for command in given[: len(given) - len(self.waits[at])]:
            self.sessions[at].connection.receive(command)

    def send_together(
        self, at: int, some: Sequence[bytes], cuts: Sequence[int], held: int
    ) -> None:
        """Give pieces of them; so many octets come with the next burst."""
        stream = b"".join([*self.waits[at], *self._tagged(at, some)])
        end = len(stream) - held if held and _may_wait(some) else len(stream)
        self.waits[at] = [stream[end:]]
        for piece in pieces(stream[:end], cuts):
            self.sessions[at].connection.receive(piece)

    def _tagged(self, at: int, some: Sequence[bytes]) -> list[bytes]:
        found = []
        for command in some:
            self.numbers[at] += 1
            found.append(b"c%d %b\r\n" % (self.numbers[at], command))
        return found


def _may_wait(some: Sequence[bytes]) -> bool:
    """Tell whether the last one does nothing before its last octet is there.

    Whether there is room for a literal is decided before that.
    """
    return bool(some) and b"\r\n" not in some[-1]


@given(st.lists(bursts, min_size=1, max_size=6))
@settings(max_examples=max(10, settings().max_examples // 5), deadline=None)
def test_answers_are_the_same_however_commands_come(store, found):
    with tempfile.TemporaryDirectory() as made:
        alone, together = (
            Side(store, Path(made) / name) for name in ("alone", "together")
        )
        try:
            for at, some, cuts, held in found:
                alone.send_alone(at, some, late=bool(held))
                together.send_together(at, some, cuts, held)
                assert together.sessions[at].raw == alone.sessions[at].raw
            for at in (0, 1):
                alone.send_alone(at, [], late=False)
                together.send_together(at, [], [], 0)
                assert b"c1 " in alone.sessions[at].raw or not alone.numbers[at]
                assert together.sessions[at].raw == alone.sessions[at].raw
        finally:
            alone.world.close()
            together.world.close()


def pieces(stream: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """Cut octets; what is behind the last cut comes at once."""
    for size in cuts:
        if not stream:
            return
        yield stream[:size]
        stream = stream[size:]
    if stream:
        yield stream
