"""The threading algorithms of RFC 5256 §3, over columns of numbers.

Messages are the indexes 0, 1, … of those that were searched, in the order of the
mailbox; ``by_date`` lists them by sent date, as siblings are sorted. A node beyond the
last message is a dummy: a message that others refer to and that isn't there. No step
recurses, whatever the depth of a thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

from mailstore.search.columns import EMPTY
from mailstore.search.linking import linked

Children = dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class Thread:
    """What the algorithms look at of the messages that were searched.

    ``ids`` are Message IDs, 0 for none that is valid; ``references`` end with the
    parent. ``subjects`` are places: equal ones are equal base subjects.
    """

    by_date: Sequence[int]
    ids: Sequence[int] = ()
    references: Sequence[Sequence[int]] = ()
    subjects: Sequence[float] = ()
    replies: Sequence[int] = ()


@dataclass(slots=True)
class Tree:
    """Threads: those under the root, in order, and the children of each node."""

    count: int  # of messages; nodes from here on are dummies
    roots: list[int]
    children: Children

    def walk(self, roots: Iterable[int]) -> Iterable[tuple[int, int]]:
        """Give (node, number of its children), depth first."""
        stack = list(roots)[::-1]
        children = self.children
        while stack:
            node = stack.pop()
            below = children.get(node)
            if below:
                yield node, len(below)
                stack += below[::-1]
            else:
                yield node, 0


def ordered_subject(thread: Thread) -> Tree:
    """Thread by ORDEREDSUBJECT: the first of a subject, and the others below it."""
    groups: defaultdict[float, list[int]] = defaultdict(list)
    subjects = thread.subjects
    for message in thread.by_date:
        groups[subjects[message]].append(message)
    # They were met in the order of their first messages' sent dates.
    children = {group[0]: group[1:] for group in groups.values() if len(group) > 1}
    return Tree(len(thread.by_date), [group[0] for group in groups.values()], children)


def references(thread: Thread) -> Tree:
    """Thread by REFERENCES."""
    tree = _by_references(thread)
    _Gathering(thread, tree).run()
    return tree


def refs(thread: Thread, by_arrival: Sequence[int]) -> Tree:
    """Thread by REFS; ``by_arrival`` lists the messages by INTERNALDATE."""
    tree = _by_references(thread)
    arrival = [0] * tree.count
    for place, message in enumerate(by_arrival):
        arrival[message] = place
    latest = {
        root: max([arrival[n] for n, _ in tree.walk((root,)) if n < tree.count])
        for root in tree.roots
    }
    tree.roots.sort(key=latest.__getitem__)
    return tree


def _by_references(thread: Thread) -> Tree:
    """Do steps 1 to 4: link, leave out dummies, sort by sent date.

    Messages are taken in the order of their sent dates, so that each set of siblings
    comes about in order, and a dummy stands where its first child does.
    """
    parents = linked(thread.ids, thread.references)
    count = len(thread.by_date)
    above = _without_dummies(parents, count)
    roots: list[int] = []
    children: Children = {}
    for message in thread.by_date:
        parent = above[message]
        if parent < 0:
            roots.append(message)
            continue
        siblings = children.get(parent)
        if siblings is None:
            children[parent] = [message]
            if parent >= count:
                roots.append(parent)
        else:
            siblings.append(message)
    # (3): a dummy under the root stays only where it holds several together.
    for at, root in enumerate(roots):
        if root >= count and len(children[root]) == 1:
            roots[at] = children.pop(root)[0]
    return Tree(count, roots, children)


def _without_dummies(parents: Sequence[int], count: int) -> list[int]:
    """Give the nearest message above each message; -1 for none.

    Where there are only dummies above it, the topmost one (step 3).
    """
    above = list(parents[:count])
    top: dict[int, int] = {}  # of a dummy: the node that its children go to
    for message, parent in enumerate(above):
        if parent < count:
            continue
        passed = []
        node = parent
        while node >= count and node not in top:
            passed.append(node)
            following = parents[node]
            if following < 0:
                break
            node = following
        found = top.get(node, node)
        top.update(zip(passed, repeat(found)))
        above[message] = found
    return above


class _Gathering:
    """Step 5 and step 6: join threads of one subject, sort what that changed."""

    def __init__(self, thread: Thread, tree: Tree) -> None:
        self._thread = thread
        self._tree = tree
        self._dummies = max([tree.count - 1, *tree.roots]) + 1  # the next one
        self._table: dict[float, int] = {}
        self._merged: set[int] = set()  # no more under the root
        self._grown: set[int] = set()

    def run(self) -> None:
        tree = self._tree
        for root in tree.roots:
            self._enter(root)
        made: list[int] = []
        for root in tree.roots:
            if root not in self._merged:
                self._merge(root, made)
        if not self._merged:
            return
        place = [0] * tree.count
        for at, message in enumerate(self._thread.by_date):
            place[message] = at
        for node in self._grown:
            tree.children[node].sort(key=place.__getitem__)
        left = [root for root in (*tree.roots, *made) if root not in self._merged]
        tree.roots = sorted(left, key=lambda node: place[self._first(node)])

    def _first(self, root: int) -> int:
        return root if root < self._tree.count else self._tree.children[root][0]

    def _subject(self, root: int) -> float:
        return self._thread.subjects[self._first(root)]

    def _reply(self, root: int) -> bool:
        return root < self._tree.count and bool(self._thread.replies[root])

    def _enter(self, root: int) -> None:
        """Put a thread's subject into the table (step 5.B)."""
        subject = self._subject(root)
        if subject == EMPTY:
            return
        known = self._table.setdefault(subject, root)
        count = self._tree.count
        if known < count and (
            root >= count or (self._reply(known) and not self._reply(root))
        ):
            self._table[subject] = root

    def _merge(self, root: int, made: list[int]) -> None:
        """Join a thread with the one that the table has (step 5.C)."""
        subject = self._subject(root)
        if subject == EMPTY:
            return
        known = self._table[subject]
        if known == root:
            return
        children, count = self._tree.children, self._tree.count
        if known >= count and root >= count:
            children[known] += children.pop(root)
        elif known >= count or (self._reply(root) and not self._reply(known)):
            children.setdefault(known, []).append(root)
        else:
            dummy, self._dummies = self._dummies, self._dummies + 1
            children[dummy] = [known, root]
            self._merged.add(known)
            self._table[subject] = known = dummy
            made.append(dummy)
        self._grown.add(known)
        self._merged.add(root)
