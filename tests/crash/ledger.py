"""What a client was told, and what a server owes it after a crash.

Each player works on messages and names of its own, in mailboxes that all share. It
notes what it is about to do, does it, and notes the answer. Whatever was on its way
when the server died may have happened or not, but not by halves; everything before it
has.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.client import Client
from tests.support.responses import Fetch, ListLine, StatusLine

BOXES = ("INBOX", "Archive", "Trash")
Key = tuple[str, int]  # mailbox, UID
Item = tuple[str, frozenset[str]]  # mark, flags
_MARK = re.compile(rb"Subject: (\S+)\r\n")
_SIZES = (10, 300, 300, 300, 2_000, 2_000, 2_000, 2_000, 9_000, 40_000, 1_200_000)
_FULL = 30  # messages; from there on more go than come
_ITEMS = "UIDVALIDITY UIDNEXT HIGHESTMODSEQ"


class Owed(AssertionError):
    """The server does not have what it has promised."""


def message(mark: str) -> bytes:
    """Make the message that has a mark; its last number is its size."""
    size = int(mark.rpartition("-")[2])
    body = random.Random(mark).randbytes(size // 2).hex().encode()
    return b"Subject: %b\r\n\r\n%b\r\n" % (mark.encode(), body)


@dataclass
class Change:
    """What a command does, if it is done."""

    removed: frozenset[Key] = frozenset()
    added: tuple[tuple[str, Item], ...] = ()  # mailbox, what
    changed: Mapping[Key, Item] = field(default_factory=dict)
    made: frozenset[str] = frozenset()  # names
    gone: frozenset[str] = frozenset()


@dataclass
class Told:
    """The numbers of mailboxes that anybody was told. They only grow."""

    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    ever: dict[Key, str] = field(default_factory=dict)

    def note(self, client: Client) -> None:
        """Ask, compare with what was told before, and note."""
        for box in BOXES:
            line = client.ok(f"STATUS {box} ({_ITEMS})").one(StatusLine)
            before = self.numbers.setdefault(box, dict(line.items))
            for name, value in line.items.items():
                if value < before[name]:
                    raise Owed(f"{name} of {box} was {before[name]}, is {value}")
                before[name] = value
            if line.items["UIDVALIDITY"] != self.numbers[box]["UIDVALIDITY"]:
                raise Owed(f"{box} has another UIDVALIDITY")

    def has(self, key: Key, mark: str) -> None:
        """Note that a message has a UID; no other has it, ever."""
        if self.ever.setdefault(key, mark) != mark:
            raise Owed(f"{key} was {self.ever[key]}, is {mark}")


@dataclass
class Found:
    """All that a server has."""

    messages: dict[Key, Item]
    names: frozenset[str]

    @classmethod
    def by(cls, client: Client, told: Told) -> Found:
        """Look at everything, byte for byte."""
        messages: dict[Key, Item] = {}
        for box in BOXES:
            client.select(box)
            for row in client.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])").of(Fetch):
                if "BODY[]" not in row.items:
                    continue  # tells of what somebody else changes just now
                uid, flags, body = (row.items[n] for n in ("UID", "FLAGS", "BODY[]"))
                assert isinstance(uid, int)
                assert isinstance(flags, frozenset)
                assert isinstance(body, bytes)
                found = _MARK.match(body)
                mark = found[1].decode() if found else ""
                if not mark or body != message(mark):
                    raise Owed(f"UID {uid} of {box} is no message that was sent")
                told.has((box, uid), mark)
                messages[box, uid] = mark, flags - {"\\Recent"}
        lines = client.ok('LIST "" own*').of(ListLine)
        return cls(messages, frozenset(line.name for line in lines))


class Player:
    """One client. `step` does something at random."""

    def __init__(self, number: int, seed: str) -> None:
        self.number = number
        self.held: dict[Key, Item] = {}
        self.names: frozenset[str] = frozenset()
        self.done: Counter[str] = Counter()
        self._seed = seed  # without a hyphen: it is a part of marks
        self._count = 0
        self._pending: Change | None = None
        self.dice = random.Random(f"{seed} {number}")

    def step(self, client: Client) -> None:
        """Send one command and note its answer."""
        full = len(self.held) > _FULL
        acts: Sequence[tuple[int, Callable[[Client], None]]] = (
            (6, self._append),
            (2, self._append_some),
            (3, self._flag),
            (3, self._copy),
            (4, self._move),
            (30 if full else 4, self._expunge),
            (2, self._replace),
            (3, self._name),
        )
        (act,) = self.dice.choices([a for _, a in acts], [w for w, _ in acts])
        if act in (self._append, self._append_some, self._name) or self.held:
            act(client)
            self.done[act.__name__.strip("_")] += 1

    # -- what it does

    def _fresh(self) -> Item:
        self._count += 1
        size = self.dice.choice(_SIZES)
        flags = frozenset(self.dice.sample(["\\Seen", "\\Flagged", "$Label"], 1))
        return f"{self._seed}-{self.number}-{self._count}-{size}", flags

    def _append(self, client: Client) -> None:
        self._add(client, 1)

    def _append_some(self, client: Client) -> None:
        self._add(client, 3)

    def _add(self, client: Client, count: int) -> None:
        box = self.dice.choice(BOXES)
        items = [self._fresh() for _ in range(count)]
        self._pending = Change(added=tuple((box, item) for item in items))
        each = " ".join(f"({' '.join(flags)}) {{}}" for _, flags in items)
        answer = client.ok(f"APPEND {box} {each}", *[message(m) for m, _ in items])
        self._settled(answer.code_value("APPENDUID", tuple)[1])

    def _some(self, client: Client) -> tuple[str, list[int]]:
        """Select a mailbox; give it and some of the own messages in it."""
        box = self.dice.choice(sorted({box for box, _ in self.held}))
        client.select(box)
        uids = sorted(uid for where, uid in self.held if where == box)
        return box, sorted(self.dice.sample(uids, min(len(uids), 3)))

    def _flag(self, client: Client) -> None:
        box, uids = self._some(client)
        self._add_flag(client, box, uids, "\\Answered")

    def _add_flag(self, client: Client, box: str, uids: list[int], flag: str) -> None:
        changed = {
            (box, uid): (self.held[box, uid][0], self.held[box, uid][1] | {flag})
            for uid in uids
        }
        self._pending = Change(changed=changed)
        client.ok(f"UID STORE {_set(uids)} +FLAGS.SILENT ({flag})")
        self._settled(())

    def _copy(self, client: Client) -> None:
        box, uids = self._some(client)
        self._transfer(client, box, uids, "COPY")

    def _move(self, client: Client) -> None:
        box, uids = self._some(client)
        self._transfer(client, box, uids, "MOVE")

    def _transfer(self, client: Client, box: str, uids: list[int], how: str) -> None:
        to = self.dice.choice([one for one in BOXES if one != box])
        keys = [(box, uid) for uid in uids]
        added = tuple((to, self.held[key]) for key in keys)
        gone = frozenset(keys if how == "MOVE" else ())
        self._pending = Change(gone, added)
        answer = client.ok(f"UID {how} {_set(uids)} {to}")
        self._settled(answer.code_value("COPYUID", tuple)[2])

    def _expunge(self, client: Client) -> None:
        box, uids = self._some(client)
        self._add_flag(client, box, uids, "\\Deleted")
        self._pending = Change(frozenset((box, uid) for uid in uids))
        client.ok(f"UID EXPUNGE {_set(uids)}")
        self._settled(())

    def _replace(self, client: Client) -> None:
        box, uids = self._some(client)
        to = self.dice.choice(BOXES)
        item = self._fresh()
        self._pending = Change(frozenset({(box, uids[0])}), ((to, item),))
        command = f"UID REPLACE {uids[0]} {to} ({' '.join(item[1])}) {{}}"
        answer = client.ok(command, message(item[0]))
        self._settled(answer.code_value("APPENDUID", tuple)[1])

    def _name(self, client: Client) -> None:
        kind = self.dice.choice(["CREATE", "RENAME", "DELETE"])
        self._count += 1
        new = frozenset({f"own{self.number}-{self._seed}-{self._count}"})
        if kind == "CREATE" or not self.names:
            self._pending = Change(made=new)
            client.ok(f"CREATE {min(new)}")
        else:
            old = self.dice.choice(sorted(self.names))
            renamed = kind == "RENAME"
            made = new if renamed else frozenset[str]()
            self._pending = Change(made=made, gone=frozenset({old}))
            client.ok(f"RENAME {old} {min(new)}" if renamed else f"DELETE {old}")
        self._settled(())

    def _settled(self, uids: Sequence[int]) -> None:
        change, self._pending = self._pending, None
        assert change is not None
        for key in change.removed:
            del self.held[key]
        self.held.update(change.changed)
        for (box, item), uid in zip(change.added, uids, strict=True):
            self.held[box, uid] = item
        self.names = (self.names - change.gone) | change.made

    # -- after a crash

    def compare(self, found: Found) -> None:
        """Find all that was acknowledged; take over what is there. Raises `Owed`."""
        mine = {
            key: item
            for key, item in found.messages.items()
            if item[0].split("-")[1] == str(self.number)
        }
        names = frozenset(n for n in found.names if n.startswith(f"own{self.number}-"))
        nothing = Change()
        if not any(
            self._is(mine, names, change)
            for change in (nothing, self._pending or nothing)
        ):
            raise Owed(self._difference(mine, names))
        self.held, self.names, self._pending = mine, names, None

    def _is(
        self, mine: Mapping[Key, Item], names: frozenset[str], change: Change
    ) -> bool:
        kept = {k: v for k, v in self.held.items() if k not in change.removed}
        kept.update(change.changed)
        fresh = Counter((k[0], v) for k, v in mine.items() if k not in kept)
        return (
            all(mine.get(key) == item for key, item in kept.items())
            and fresh == Counter(change.added)
            and names == (self.names - change.gone) | change.made
        )

    def _difference(self, mine: Mapping[Key, Item], names: Iterable[str]) -> str:
        lost = {k: v for k, v in self.held.items() if mine.get(k) != v}
        more = {k: v for k, v in mine.items() if self.held.get(k) != v}
        other = self.names ^ set(names)
        return (
            f"client {self.number}: owed {lost}, there is {more} instead;"
            f" names {other}; on its way was {self._pending}"
        )


def _set(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))
