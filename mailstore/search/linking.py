"""Step 1 of REFERENCES: who is whose parent (RFC 5256 §3).

Nodes are numbers: first the messages, in the order of the mailbox, then dummies as
references name messages that aren't there. A link that would close a loop is not made.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

_STEPS_A_MESSAGE = 64


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
        if before < 0 or links.parents[node] != before:
            # (B): what others guessed gives way to what it says itself.
            links.cut(node)
            if before >= 0:
                links.link(before, node)
    return links.parents


class _Links:
    """A forest in which a root gets a parent, and a child loses it.

    Whether a link would close a loop is found by walking up. Most threads are short,
    but messages made for it could make every walk a long one: when more was walked
    than a mailbox has a right to, the forest is kept as a `_LinkCutForest` too.
    """

    __slots__ = ("_forest", "_has_children", "_left", "parents")

    def __init__(self, count: int) -> None:
        self.parents = array("q", [-1]) * count
        self._has_children = bytearray(count)
        self._left = _STEPS_A_MESSAGE * (count + _STEPS_A_MESSAGE)
        self._forest: _LinkCutForest | None = None

    def add(self) -> int:
        """Make a dummy."""
        self.parents.append(-1)
        self._has_children.append(0)
        if self._forest is not None:
            self._forest.add()
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
        if self._forest is not None:
            self._forest.link(parent, child)

    def cut(self, node: int) -> None:
        """Take a node's parent away, if it has one."""
        if self.parents[node] >= 0:
            self.parents[node] = -1
            if self._forest is not None:
                self._forest.cut(node)

    def _root(self, node: int) -> int:
        if self._forest is not None:
            return self._forest.root(node)
        parents, left = self.parents, self._left
        at = node
        while left > 0 and (above := parents[at]) >= 0:
            at = above
            left -= 1
        self._left = left
        if left > 0:
            return at
        self._forest = _LinkCutForest(parents)
        return self._forest.root(node)


class _LinkCutForest:
    """Finds roots in logarithmic time, on average over many steps.

    The link-cut trees of Sleator and Tarjan: paths of the forest are splay trees, by
    depth from left to right; the top of each points at the node above its path.
    """

    __slots__ = ("_above", "_deeper", "_higher")

    def __init__(self, parents: Sequence[int]) -> None:
        self._above = list(parents)
        self._higher = [-1] * len(parents)  # left: nearer the root
        self._deeper = [-1] * len(parents)  # right

    def add(self) -> None:
        """Make a node."""
        for column in (self._above, self._higher, self._deeper):
            column.append(-1)

    def link(self, parent: int, child: int) -> None:
        """Make a root a child."""
        self._expose(child)
        self._above[child] = parent

    def cut(self, node: int) -> None:
        """Make a child a root."""
        self._expose(node)
        higher = self._higher[node]
        self._above[higher] = self._higher[node] = -1

    def root(self, node: int) -> int:
        """Give the root of the tree that a node is in."""
        self._expose(node)
        higher = self._higher
        while higher[node] >= 0:
            node = higher[node]
        self._splay(node)
        return node

    def _expose(self, node: int) -> None:
        """Make the way from the root to a node one path, the node its top."""
        below, at = -1, node
        while at >= 0:
            self._splay(at)
            self._deeper[at] = below
            below, at = at, self._above[at]
        self._splay(node)

    def _is_top(self, node: int) -> bool:
        above = self._above[node]
        return above < 0 or node not in (self._higher[above], self._deeper[above])

    def _splay(self, node: int) -> None:
        while not self._is_top(node):
            above = self._above[node]
            if not self._is_top(above):
                over = self._above[above]
                straight = (self._higher[above] == node) == (
                    self._higher[over] == above
                )
                self._rotate(above if straight else node)
            self._rotate(node)

    def _rotate(self, node: int) -> None:
        above = self._above[node]
        over = self._above[above]
        if not self._is_top(above):
            side = self._higher if self._higher[over] == above else self._deeper
            side[over] = node
        near, far = self._higher, self._deeper
        if near[above] != node:
            near, far = far, near
        moved = far[node]
        near[above] = moved
        if moved >= 0:
            self._above[moved] = above
        far[node] = above
        self._above[above] = node
        self._above[node] = over
