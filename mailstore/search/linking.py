"""Step 1 of REFERENCES: who is whose parent (RFC 5256 §3).

Nodes are numbers: first the messages, in the order of the mailbox, then dummies as
references name messages that aren't there. A link that would close a loop is not made.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence


def linked(ids: Sequence[int], references: Sequence[Sequence[int]]) -> array[int]:
    """Give the parent of each node, -1 for none.

    ``ids`` are the Message IDs of the messages, 0 for none; of several messages with
    one ID, the first has it.
    """
    count = len(ids)
    node_of: dict[int, int] = {}
    for node, id_ in enumerate(ids):
        if id_:
            node_of.setdefault(id_, node)
    links = _Links(count)
    for node, named in enumerate(references):
        before = -1
        for id_ in named:
            found = node_of.get(id_)
            if found is None:
                found = node_of[id_] = links.add()
            if before >= 0 and links.parents[found] < 0:  # (A)
                links.link(before, found)
            before = found
        links.cut(node)  # (B): what others guessed gives way to what it says itself
        if before >= 0:
            links.link(before, node)
    return links.parents


class _Links:
    """A forest that only grows parents; what has children is marked."""

    __slots__ = ("_has_children", "parents")

    def __init__(self, count: int) -> None:
        self.parents = array("q", [-1]) * count
        self._has_children = bytearray(count)

    def add(self) -> int:
        """Make a dummy."""
        self.parents.append(-1)
        self._has_children.append(0)
        return len(self.parents) - 1

    def link(self, parent: int, child: int) -> None:
        """Make a node without a parent a child, unless that closes a loop."""
        if parent == child:
            return
        # Only who has children is above anyone.
        if self._has_children[child] and self._root(parent) == child:
            return
        self.parents[child] = parent
        self._has_children[parent] = 1

    def cut(self, node: int) -> None:
        """Take a node's parent away, if it has one."""
        self.parents[node] = -1

    def _root(self, node: int) -> int:
        parents = self.parents
        while (above := parents[node]) >= 0:
            node = above
        return node
