"""SORT and THREAD as RFC 5256 says them, slow and obvious: the reference of the tests.

Written from the text of the RFC, step by step, with objects and lists. `Message` holds
what is compared; `message_of` reads it from a raw message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailstore.mime.ingest import ingest
from mailstore.query import Comparator, Criterion, SortKey, Threading
from mailstore.search.collation import order_key


@dataclass(frozen=True)
class Message:
    """One searched message; they are listed in the order of the mailbox."""

    uid: int
    arrived: int = 0
    sent: int | None = None
    size: int = 0
    modseq: int = 0
    subject: bytes = b""
    reply: bool = False
    from_: bytes = b""
    to_: bytes = b""
    cc: bytes = b""
    display_from: bytes = b""
    display_to: bytes = b""
    irrelevancy: float = 0  # the best has the least
    note: bytes = b""  # the annotation that is sorted by
    id: object = None
    references: tuple[object, ...] = ()

    @property
    def date(self) -> int:
        """§2.2: INTERNALDATE where the sent date cannot be determined."""
        return self.arrived if self.sent is None else self.sent


def message_of(
    uid: int, data: bytes, arrived: int, size: int | None = None, modseq: int = 0
) -> Message:
    """Read what is compared of a raw message."""
    found = ingest(data).sort
    packed = found.references
    return Message(
        uid=uid,
        arrived=arrived,
        sent=found.sent,
        size=len(data) if size is None else size,
        modseq=modseq,
        subject=found.subject,
        reply=found.reply,
        from_=found.from_,
        to_=found.to_,
        cc=found.cc,
        display_from=found.display_from,
        display_to=found.display_to,
        id=None
        if found.message_id is None
        else found.message_id.to_bytes(8, "little", signed=True),
        references=tuple(packed[at : at + 8] for at in range(0, len(packed), 8)),
    )


# -- §2.1

_WSP = " \t"
_BLOB = r"\[[^\[\]]*\][ \t]*"
_LEADER = re.compile(
    rf"((?:{_BLOB})*(?:re|fwd?)[ \t]*(?:{_BLOB})?:)|[ \t]", re.IGNORECASE
)
_PREFIX_BLOB = re.compile(_BLOB)


def base_subject(subject: str) -> tuple[str, bool]:
    """Follow the seven steps; tells too if it was a reply or forward."""
    reply = False
    text = re.sub(r"[\t\r\n]", " ", subject)  # (1)
    while "  " in text:
        text = text.replace("  ", " ")
    while True:
        while text and (text[-1] in _WSP or text.lower().endswith("(fwd)")):  # (2)
            if text[-1] in _WSP:
                text = text[:-1]
            else:
                text, reply = text[:-5], True
        while True:
            before = text
            while (leader := _LEADER.match(text)) is not None:  # (3)
                reply = reply or leader[1] is not None
                text = text[leader.end() :]
            blob = _PREFIX_BLOB.match(text)
            if blob is not None and text[blob.end() :]:  # (4)
                text = text[blob.end() :]
            if text == before:  # (5)
                break
        if not (text.lower().startswith("[fwd:") and text.endswith("]")):  # (6)
            return text, reply  # (7)
        text, reply = text[5:-1], True


# -- SORT


_TEXTS = {
    SortKey.ANNOTATION: "note",
    SortKey.CC: "cc",
    SortKey.FROM: "from_",
    SortKey.TO: "to_",
    SortKey.SUBJECT: "subject",
    SortKey.DISPLAY_FROM: "display_from",
    SortKey.DISPLAY_TO: "display_to",
}
_NUMBERS = {
    SortKey.ARRIVAL: "arrived",
    SortKey.DATE: "date",
    SortKey.SIZE: "size",
    SortKey.MODSEQ: "modseq",
    SortKey.UID: "uid",
    SortKey.RELEVANCY: "irrelevancy",
}


def _value(message: Message, key: SortKey, how: Comparator) -> Any:
    if key in _NUMBERS:
        return getattr(message, _NUMBERS[key])
    return order_key(getattr(message, _TEXTS[key]), how.collation)


def sort(
    messages: Sequence[Message],
    criteria: Sequence[Criterion],
    how: Comparator = Comparator(),  # noqa: B008 - a frozen value
) -> list[int]:
    """Give UIDs in order: the last criterion first, each stably."""
    order = list(messages)
    for criterion in reversed(criteria):
        order.sort(
            key=lambda one: _value(one, criterion.key, how), reverse=criterion.reverse
        )
    return [message.uid for message in order]


# -- THREAD


@dataclass(eq=False)
class Node:
    """A message of the tree; a dummy has none."""

    message: Message | None = None
    place: int = 0  # in the mailbox
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def under(self, other: Node) -> bool:
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False

    def adopt(self, child: Node) -> None:
        child.leave()
        child.parent = self
        self.children.append(child)

    def leave(self) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None


Nested = tuple[int, tuple["Nested", ...]]


def thread(
    messages: Sequence[Message],
    algorithm: Threading,
    how: Comparator = Comparator(),  # noqa: B008 - a frozen value
) -> list[Nested]:
    """Give threads as (uid, replies); a dummy's UID is 0."""
    if algorithm is Threading.ORDEREDSUBJECT:
        return _ordered_subject(messages, how)
    root = _linked(messages)
    _prune(root)
    root.children.sort(key=_by_date)
    if algorithm is Threading.REFERENCES:
        _gather(root, how)
    _sort_all(root)
    if algorithm is Threading.REFS:
        root.children.sort(key=_latest)
    return [_nested(node) for node in root.children]


def _nested(node: Node) -> Nested:
    uid = 0 if node.message is None else node.message.uid
    return uid, tuple([_nested(child) for child in node.children])


def _ordered_subject(messages: Sequence[Message], how: Comparator) -> list[Nested]:
    def key(message: Message) -> bytes:
        return order_key(message.subject, how.collation)

    by_date = sorted(messages, key=lambda one: one.date)
    threads: list[list[Message]] = []
    for message in sorted(by_date, key=key):
        if threads and key(threads[-1][0]) == key(message):
            threads[-1].append(message)
        else:
            threads.append([message])
    place = {message.uid: at for at, message in enumerate(messages)}
    threads.sort(key=lambda found: (found[0].date, place[found[0].uid]))
    return [
        (found[0].uid, tuple([(reply.uid, ()) for reply in found[1:]]))
        for found in threads
    ]


def _linked(messages: Sequence[Message]) -> Node:
    nodes = [Node(message, at) for at, message in enumerate(messages)]
    table: dict[object, Node] = {}
    for node in nodes:  # of several with one ID, the first has it
        assert node.message is not None
        if node.message.id is not None and node.message.id not in table:
            table[node.message.id] = node
    for node in nodes:  # step 1
        assert node.message is not None
        before: Node | None = None
        for name in node.message.references:  # (A)
            found = table.setdefault(name, Node())
            if before is not None and found.parent is None and not before.under(found):
                before.adopt(found)
            before = found
        node.leave()  # (B)
        if before is not None and not before.under(node):
            before.adopt(node)
    root = Node()  # step 2
    for node in [*nodes, *table.values()]:
        if node.parent is None:
            root.adopt(node)
    return root


def _prune(root: Node) -> None:
    """Step 3, until nothing is left to prune."""
    changed = True
    while changed:
        changed = False
        for node in list(_all(root)):
            if node is root or node.message is not None:
                continue
            parent = node.parent
            assert parent is not None
            if node.children and parent is root and len(node.children) > 1:
                continue
            changed = True
            for child in list(node.children):
                parent.adopt(child)
            node.leave()
            break


def _all(node: Node) -> list[Node]:
    return [node, *[below for child in node.children for below in _all(child)]]


def _by_date(node: Node) -> tuple[int, int]:
    if node.message is None:
        return min(_by_date(child) for child in node.children)
    return node.message.date, node.place


def _latest(node: Node) -> tuple[int, int]:
    return max(
        (n.message.arrived, n.place) for n in _all(node) if n.message is not None
    )


def _sort_all(node: Node) -> None:
    """Step 6: the youngest siblings first."""
    for child in node.children:
        _sort_all(child)
    node.children.sort(key=_by_date)


def _gather(root: Node, how: Comparator) -> None:  # noqa: C901 - as the RFC has it
    """Step 5."""

    def first(node: Node) -> Message:
        if node.message is not None:
            return node.message
        found = min(node.children, key=_by_date).message
        assert found is not None
        return found

    def subject(node: Node) -> bytes:
        return order_key(first(node).subject, how.collation)

    def reply(node: Node) -> bool:
        return node.message is not None and node.message.reply

    table: dict[bytes, Node] = {}  # (A)
    for node in root.children:  # (B)
        name = subject(node)
        if not name:
            continue
        known = table.setdefault(name, node)
        if known.message is not None and (
            node.message is None or (reply(known) and not reply(node))
        ):
            table[name] = node
    for node in list(root.children):  # (C)
        if node.parent is not root:
            continue
        name = subject(node)
        if not name or table[name] is node:
            continue
        known = table[name]
        if known.message is None and node.message is None:
            for child in list(node.children):
                known.adopt(child)
            node.leave()
        elif known.message is None or (reply(node) and not reply(known)):
            known.adopt(node)
        else:
            dummy = Node()
            root.adopt(dummy)
            dummy.adopt(known)
            dummy.adopt(node)
            table[name] = dummy
