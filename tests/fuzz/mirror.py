"""What one client believes of its mailbox, made of nothing but what it was told.

A client is of one of four kinds, by what it enabled. The rules that each response has
to keep (RFC 3501 §7, RFC 7162 §3.2) are asserted here:

* EXISTS never shrinks; EXPUNGE and VANISHED name what is there, and come during no
  FETCH, STORE or SEARCH by number; UIDs ascend, a message keeps its UID;
* mod-sequences are told to who asked, with UIDs, and only grow;
* a client that comes back by QRESYNC has no message that is gone, and flags as they
  are, whenever its connection broke.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.responses import (
    Code,
    Exists,
    Expunge,
    Fetch,
    Status,
    UidFetch,
    Vanished,
)
from tests.support.session import Answer, Session

HOLD = ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")


class Kind(enum.Enum):
    """What a client enables, and so is told."""

    PLAIN = ""
    CONDSTORE = "CONDSTORE"
    QRESYNC = "QRESYNC"
    UIDONLY = "QRESYNC UIDONLY"

    @property
    def aware(self) -> bool:
        return self is not Kind.PLAIN

    @property
    def comes_back(self) -> bool:
        return self in (Kind.QRESYNC, Kind.UIDONLY)


def comparable(flags: Iterable[str]) -> frozenset[str]:
    """Give flags as they are compared: in lower case (RFC 9051 §9), without \\Recent.

    Which spelling of a keyword is told depends on who was the first to set it.
    """
    return frozenset([flag.lower() for flag in flags]) - {"\\recent"}


@dataclass(eq=False)
class Slot:
    """One message of the client's list; None is what it doesn't know."""

    uid: int | None = None
    flags: frozenset[str] | None = None


@dataclass
class Place:
    """What a client keeps of a mailbox that it leaves."""

    uidvalidity: int
    highest: int
    flags: dict[int, frozenset[str] | None]
    unknown: int  # messages whose UIDs it never heard


@dataclass
class Mirror:
    """One client; ``modseqs`` is what all of its person's were told, by UID.

    ``prefix`` stands before the names of mailboxes, where they are somebody else's.
    """

    session: Session
    kind: Kind
    modseqs: dict[tuple[str, int], int]
    mailbox: str | None = None
    slots: list[Slot] = field(default_factory=list)
    idle: bool = False
    places: dict[str, Place] = field(default_factory=dict)
    highest: int = 0
    loud: list[Slot] = field(default_factory=list)  # whose flags were told last
    earlier: list[int] = field(default_factory=list)
    who: str = "ann"
    prefix: str = ""
    _uidvalidity: int = 0
    _code: int | None = None
    _seen: int = 0

    def __post_init__(self) -> None:
        if self.kind.aware:
            self.session.ok(f"ENABLE {self.kind.value}".encode())

    def wire(self, name: str) -> str:
        """Give a mailbox's name as this client calls it."""
        return f'"{self.prefix}{name}"' if self.prefix else name

    # -- what it is told

    def absorb(self, responses: Any, command: str = "", words: str = "") -> None:
        self.loud, self.earlier = [], []
        for response in responses:
            match response:
                case Exists(number):
                    assert number >= len(self.slots)
                    grown = number - len(self.slots)
                    self.slots += [Slot() for _ in range(grown)]
                case Expunge(number):
                    assert not self.kind.comes_back
                    assert 1 <= number <= len(self.slots)
                    assert command not in HOLD
                    del self.slots[number - 1]
                case Vanished():
                    self._vanished(response, command)
                case Fetch():
                    self._fetched(response, asked=" MODSEQ" in words)
                case Status():
                    self._note(response.code)
                case _:
                    continue

    def _note(self, code: Code | None) -> None:
        if code is not None and code.name == "HIGHESTMODSEQ":
            assert isinstance(code.value, int)
            self._code = code.value
        if code is not None and code.name == "UIDVALIDITY":
            assert isinstance(code.value, int)
            self._uidvalidity = code.value

    def _vanished(self, told: Vanished, command: str) -> None:
        assert self.kind.comes_back
        if told.earlier:
            self.earlier += told.uids
            return
        assert command not in HOLD
        for uid in told.uids:
            self.slots.remove(self._slot(uid))

    def _slot(self, uid: int) -> Slot:
        """Find a message by its UID: a known one, or one that can have this UID."""
        start = 0
        for at, slot in enumerate(self.slots):
            if slot.uid == uid:
                return slot
            if slot.uid is not None and slot.uid < uid:
                start = at + 1
        if self.kind is Kind.UIDONLY:
            # Without numbers nobody knows which of the unknown ones it is.
            spare = next((slot for slot in self.slots if slot.uid is None), None)
            assert spare is not None, "nobody told of this message"
            spare.uid = uid
            self.slots.sort(key=lambda slot: slot.uid or 2**32)
            return spare
        slot = self.slots[start]
        assert slot.uid is None, "nobody told of this message"
        slot.uid = uid
        return slot

    def _fetched(self, told: Fetch, *, asked: bool) -> None:
        by_uid = isinstance(told, UidFetch)
        assert by_uid == (self.kind is Kind.UIDONLY)
        if by_uid:
            slot = self._slot(told.number)
        else:
            assert 1 <= told.number <= len(self.slots)
            slot = self.slots[told.number - 1]
        uid = told.items.get("UID")
        if isinstance(uid, int):
            assert slot.uid in (None, uid)
            slot.uid = uid
            known = [one.uid for one in self.slots if one.uid is not None]
            assert known == sorted(set(known))
        flags = told.items.get("FLAGS")
        if isinstance(flags, frozenset):
            slot.flags = comparable(flags)
            self.loud.append(slot)
        self._modseq(slot, told, asked=asked)

    def _modseq(self, slot: Slot, told: Fetch, *, asked: bool) -> None:
        modseq = told.items.get("MODSEQ")
        if not isinstance(modseq, int):
            return
        assert self.kind.aware, "nobody asked for mod-sequences"
        assert self.mailbox is not None
        if not asked:
            assert slot.uid is not None  # RFC 7162 §3.2.4
        if slot.uid is not None:
            place = (self.mailbox, slot.uid)
            assert modseq >= self.modseqs.get(place, 0)
            self.modseqs[place] = modseq
        self._seen = max(self._seen, modseq)

    def settle(self) -> None:
        """A tagged response came: work out HIGHESTMODSEQ (RFC 7162 §6)."""
        if self._code is not None:
            self.highest = self._code
        else:
            self.highest = max(self.highest, self._seen)
        self._code, self._seen = None, 0

    # -- what it does

    def run(self, command: str) -> Answer:
        answer = self.session.run(command.encode("ascii"))
        self.absorb(answer.untagged, command.split(maxsplit=1)[0], command)
        self._note(answer.status.code)
        self.settle()
        assert answer.status.kind in ("OK", "NO"), answer.status
        return answer

    def ask(self, command: str) -> Answer:
        """Run a command, and learn the UIDs of what is new."""
        answer = self.run(command)
        loud, earlier = self.loud, self.earlier
        if self.kind.comes_back:
            self.learn()
        self.loud, self.earlier = loud, earlier
        return answer

    def learn(self) -> None:
        """Have UIDs and flags told, of messages that have no UID yet."""
        for _ in range(4):
            places = [at for at, slot in enumerate(self.slots) if slot.uid is None]
            if not places:
                return
            numbered = self.kind is not Kind.UIDONLY and places[0] > 0
            before = self.slots[places[0] - 1].uid if numbered else 0
            assert before is not None
            self.run(f"UID FETCH {before + 1}:* (UID FLAGS)")
        raise AssertionError("UIDs are not told")

    def leave(self) -> None:
        """Keep what the mailbox was like; the next `select` comes back to it."""
        if self.mailbox is None or not self.kind.comes_back:
            return
        flags = {slot.uid: slot.flags for slot in self.slots if slot.uid is not None}
        unknown = len(self.slots) - len(flags)
        place = Place(self._uidvalidity, self.highest, flags, unknown)
        self.places[self.mailbox] = place
        self.mailbox, self.slots = None, []

    def select(self, name: str, *, named: bool = False) -> None:
        """Select a mailbox; ``named``: say which UIDs are known."""
        self.leave()
        place = self.places.get(name)
        self.mailbox, self.slots, self.highest = name, [], 0
        if place is None:
            answer = self.run(f"SELECT {self.wire(name)}")
            assert answer.status.kind == "OK"
            if self.slots:
                by = "UID " if self.kind is Kind.UIDONLY else ""
                self.run(f"{by}FETCH 1:* (UID FLAGS)")
            return
        known = f" 1:{max(place.flags)}" if named and place.flags else ""
        resync = f"QRESYNC ({place.uidvalidity} {place.highest}{known})"
        answer = self.session.ok(f"SELECT {self.wire(name)} ({resync})".encode("ascii"))
        self._come_back(answer, place, whole=not known)

    def _come_back(self, answer: Answer, place: Place, *, whole: bool) -> None:
        """Put the old list and what was told of it together."""
        gone = {uid for one in answer.of(Vanished) for uid in one.uids}
        assert all(one.earlier for one in answer.of(Vanished))
        there = {uid: flags for uid, flags in place.flags.items() if uid not in gone}
        for fetch in answer.of(Fetch):
            uid = fetch.number if isinstance(fetch, UidFetch) else fetch.uid
            assert uid not in gone
            there[uid] = comparable(fetch.flags)
        (exists,) = answer.of(Exists)
        new = exists.number - len(there)
        assert new >= 0, "it has messages that are gone"
        if whole:
            assert new <= place.unknown, "it wasn't told of new messages"
        self.slots = [Slot(uid, flags) for uid, flags in sorted(there.items())]
        numbers = [f for f in answer.of(Fetch) if not isinstance(f, UidFetch)]
        if not new:
            for fetch in numbers:
                assert self.slots[fetch.number - 1].uid == fetch.uid
        for one in answer.of(Status):
            self._note(one.code)
        self.settle()
        if new:  # a client asks for what it doesn't know
            self.slots = [Slot() for _ in range(exists.number)]
            self.run("UID FETCH 1:* (UID)")
            for slot in self.slots:
                assert slot.uid is not None
                slot.flags = there.get(slot.uid)
            assert there.keys() <= {slot.uid for slot in self.slots}
