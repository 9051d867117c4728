"""THREAD as text and on a mailbox (RFC 5256)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.search.keys import Word
from imapd.extensions.thread import Thread, ThreadWriter
from imapd.session.faults import Bad
from imapd.syntax.sequence import SequenceSet, UidSet
from mailstore.model import InternalDate
from mailstore.query import Threading
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.response_parser import ResponseParser
from tests.support.responses import Expunge, Members, Threads

ALL = (Word("ALL"),)


@pytest.mark.parametrize("algorithm", Threading)
def test_each_algorithm_is_known(algorithm):
    for name, answer in (("THREAD", SequenceSet), ("UID THREAD", UidSet)):
        node = parsed(f"{name} {algorithm.value.lower()} UTF-8 ALL".encode())
        assert node == Thread(algorithm, b"UTF-8", ALL, answer)
        assert reparsed(name, node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"THREAD", "a space wanted at octet 8"),
        (b"THREAD COLOUR UTF-8 ALL", "a threading algorithm wanted at octet 9"),
        (b"THREAD (REFS) UTF-8 ALL", "an atom wanted at octet 9"),
        (b"THREAD REFS", "a space wanted at octet 13"),
        (b"THREAD REFS UTF-8", "a space wanted at octet 19"),
        (b"THREAD REFS ALL", "a space wanted at octet 17"),
        (b"THREAD REFS UTF-8 NONSENSE", "a search key wanted at octet 20"),
    ],
)
def test_refusals(text, reason):
    with pytest.raises(Bad, match=reason):
        parsed(text)


def test_nothing_is_not_a_command():
    with pytest.raises(ValueError, match="at least one"):
        Thread(Threading.REFS, b"UTF-8", ())


# -- the response


def flat(threads: list[Members]) -> list[tuple[int, int]]:
    """Give what the store gives, of lists as they are parsed."""
    found: list[tuple[int, int]] = []
    todo = [list(members) for members in threads[::-1]]
    while todo:
        members = todo.pop()
        head = members.pop(0) if isinstance(members[0], int) else 0
        assert isinstance(head, int)
        if not members:
            found.append((head, 0))
        elif isinstance(members[0], int):
            found.append((head, 1))
            todo.append(members)
        else:
            found.append((head, len(members)))
            todo += [list(one) for one in members[::-1] if isinstance(one, tuple)]
    return found


def rendered(nodes: list[tuple[int, int]], size: int = 5) -> bytes:
    writer = ThreadWriter()
    return b"".join(
        writer.render(
            [number for number, _ in nodes[at : at + size]],
            [degree for _, degree in nodes[at : at + size]],
        )
        for at in range(0, len(nodes), size)
    )


def read(text: bytes) -> Threads:
    parser = ResponseParser()
    parser.feed(b"* THREAD " + text + b"\r\n")
    found = parser.next()
    assert isinstance(found, Threads)
    return found


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        # RFC 5256 §4
        ([(2, 0), (3, 1), (6, 2), (4, 1), (23, 0), (44, 1), (7, 1), (96, 0)],
         b"(2)(3 6 (4 23)(44 7 96))"),
        ([(0, 2), (3, 0), (5, 0)], b"((3)(5))"),
        ([(1, 2), (2, 2), (3, 0), (4, 0), (5, 0), (6, 0)], b"(1 (2 (3)(4))(5))(6)"),
        ([(0, 2), (1, 2), (2, 0), (3, 0), (4, 0)], b"((1 (2)(3))(4))"),
    ],
)  # fmt: skip
def test_responses(nodes, text):
    assert rendered(nodes) == text
    assert flat(list(read(text).threads)) == nodes


trees = st.recursive(
    st.just(()), lambda inner: st.lists(inner, min_size=1, max_size=4).map(tuple)
)


@given(st.lists(trees, min_size=1, max_size=4), st.data())
def test_what_is_written_is_read_again(forest, data):
    nodes: list[tuple[int, int]] = []
    number = 0
    for tree in forest:
        number += 1
        dummy = len(tree) > 1 and data.draw(st.booleans())
        nodes.append((0 if dummy else number, len(tree)))
        todo = list(tree[::-1])
        while todo:
            node = todo.pop()
            number += 1
            nodes.append((number, len(node)))
            todo += node[::-1]
    assert flat(list(read(rendered(nodes)).threads)) == nodes


def test_a_deep_thread_is_written():
    nodes = [(n, 2 if n % 2 else 0) for n in range(1, 40_001)] + [(40_001, 0)]
    text = rendered(nodes, 4_096)
    assert text.startswith(b"(1 (2)(3 (4)(5 (6)(7 ")
    assert text.count(b"(") == text.count(b")")
    assert flat(list(read(text).threads)) == nodes


# -- on a mailbox


def mail(id_: int, *references: int, subject: str = "") -> bytes:
    named = " ".join(f"<{one}@x>" for one in references)
    return (
        f"Message-ID: <{id_}@x>\r\nSubject: {subject or id_}\r\n"
        f"References: {named}\r\n\r\n"
    ).encode()


def peer(*messages: bytes) -> Peer:
    world = World()
    for at, message in enumerate(messages):
        world.box("INBOX").add(message, date=InternalDate(10**9 + at), uid=10 + at)
    return Peer(world)


FIVE = (mail(1), mail(2, 1), mail(3, 9), mail(4, 1, 2), mail(5, 9))


def test_threads():
    answer = peer(*FIVE).ok(b"THREAD REFERENCES UTF-8 ALL")
    assert answer.of(Threads) == [Threads(((1, 2, 4), ((3,), (5,))))]
    assert answer.raw.startswith(b"* THREAD (1 2 4)((3)(5))\r\n")
    answer = peer(*FIVE).ok(b"UID THREAD REFS UTF-8 ALL")
    assert answer.of(Threads) == [Threads(((10, 11, 13), ((12,), (14,))))]
    answer = peer(*FIVE).ok(b"THREAD ORDEREDSUBJECT UTF-8 ALL")
    assert answer.of(Threads) == [Threads(((1,), (2,), (3,), (4,), (5,)))]


def test_what_is_not_found_binds_nobody():
    """RFC 5256 §3: only searched messages are threaded."""
    answer = peer(*FIVE).ok(b"THREAD REFERENCES UTF-8 NOT 1:2")
    assert answer.of(Threads) == [Threads((((3,), (5,)), (4,)))]
    answer = peer(*FIVE).ok(b"THREAD REFERENCES UTF-8 SUBJECT none")
    assert answer.raw.startswith(b"* THREAD\r\n")


def test_messages_that_were_not_told_are_not_threaded():
    one = peer(mail(1), mail(3, 1, 2))
    one.mailbox.box.add(mail(2), uid=50)
    answer = one.ok(b"THREAD REFERENCES UTF-8 ALL")
    assert answer.of(Threads) == [Threads(((1, 2),))]


def test_removals_wait_for_a_command_that_counts():
    one = peer(*FIVE)
    one.mailbox.box.kill([11])
    answer = one.ok(b"THREAD REFERENCES UTF-8 ALL")
    assert answer.of(Threads) == [Threads(((1, 4), ((3,), (5,))))]
    assert answer.of(Expunge) == []
    answer = one.ok(b"UID THREAD REFERENCES UTF-8 ALL")
    assert answer.of(Expunge) == [Expunge(2)]


def test_an_unknown_charset_is_named():
    answer = peer(*FIVE).run(b"THREAD REFS X-NONE ALL")
    assert answer.status.kind == "NO"
    assert answer.status.code is not None
    assert answer.status.code.name == "BADCHARSET"
