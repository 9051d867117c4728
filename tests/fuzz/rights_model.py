"""What people may see of each other's mailboxes and do there, worked out from the RFC.

A second reading of RFC 4314 that shares no code with the server: rights are letters,
lists are dicts, messages are sets of flags. Each operation gives the response code that
a client has to be told, `OK` if it is done, and does it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

ALL = frozenset("lrswipkxtean")
OWNER_KEEPS = frozenset("la")
OWN_RIGHTS = frozenset("lrikxa")  # RFC 4314 §4: any of them for MYRIGHTS
CHANGING = frozenset("iestw")  # RFC 4314 §5.2: without all of them it is READ-ONLY
SEEN = "\\Seen"
OK = None
FIXED = "INBOX"

Rights: TypeAlias = "frozenset[str]"
Code: TypeAlias = "str | None"
Flags: TypeAlias = "Collection[str]"


def right_for(flag: str) -> str:
    """RFC 4314 §4: the right that a flag takes."""
    return {SEEN: "s", "\\Deleted": "t"}.get(flag, "w")


@dataclass(eq=False)
class Message:
    """One message; ``seen`` are the guests that have read it."""

    uid: int
    flags: set[str]
    seen: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Box:
    """A mailbox; without ``owner`` a public one. Not ``real``: a name above others."""

    owner: str | None
    name: str
    acl: dict[str, Rights] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    uidnext: int = 1
    real: bool = True
    gone: bool = False

    def is_owner(self, identifier: str) -> bool:
        """Tell whether an identifier is the owner's."""
        return identifier in ("owner", self.owner)

    def is_guest(self, person: str) -> bool:
        """Tell whether somebody's \\Seen is his alone."""
        return self.owner != person

    @property
    def owner_unspoken(self) -> bool:
        """Whether the list leaves the owner all that he has."""
        return not any(self.is_owner(one) for one in self.acl)

    def put(self, flags: Flags, person: str, may: Rights) -> Message:
        """Take a new message with those of its flags that somebody may set."""
        kept = {flag for flag in flags if right_for(flag) in may}
        made = Message(self.uidnext, kept)
        if self.is_guest(person) and SEEN in kept:
            made.flags.discard(SEEN)
            made.seen.add(person)
        self.uidnext += 1
        self.messages.append(made)
        return made

    def shown(self, message: Message, person: str) -> set[str]:
        """Give a message's flags as somebody sees them."""
        if not self.is_guest(person):
            return set(message.flags)
        own = {SEEN} if person in message.seen else set()
        return message.flags - {SEEN} | own


class Model:
    """All mailboxes, and who is who."""

    def __init__(self, people: Iterable[str], admins: Iterable[str]) -> None:
        self.boxes = [Box(person, FIXED) for person in people]
        self.admins = set(admins)
        self.members: set[str] = set()  # of the one group, sales

    # -- who

    def find(self, owner: str | None, name: str) -> Box | None:
        """Give the mailbox of a name, None if there is none."""
        for box in self.boxes:
            if (box.owner, box.name) == (owner, name):
                return box
        return None

    def owns(self, person: str, owner: str | None) -> bool:
        """Tell whether an owner's mailboxes are somebody's."""
        return person in self.admins if owner is None else person == owner

    def rights(self, person: str, box: Box) -> Rights:
        """RFC 4314 §2: what was given to all that he is called, less what was taken."""
        called = {"anyone", "authenticated", person}
        if person in self.members:
            called.add("group:sales")
        owns = self.owns(person, box.owner)
        if owns:
            called.add("owner")
        given = frozenset[str]().union(*(box.acl.get(one, ()) for one in called))
        taken = frozenset[str]().union(*(box.acl.get(f"-{x}", ()) for x in called))
        if owns and not {"owner", person} & box.acl.keys():
            given = ALL
        return given - taken | (OWNER_KEEPS if owns else frozenset())

    def refusal(
        self, person: str, box: Box | None, needs: str, any_of: str = ""
    ) -> Code:
        """Give the code for who lacks rights; what is hidden isn't there (§6)."""
        if box is None:
            return "NONEXISTENT"
        has = self.rights(person, box)
        if has >= set(needs) and (not any_of or has & set(any_of)):
            return OK
        return "NOPERM" if "l" in has else "NONEXISTENT"

    # -- lists

    def set_acl(
        self, person: str, box: Box | None, who: str, how: str, letters: str
    ) -> Code:
        """SETACL (§3.1)."""
        code = self.refusal(person, box, "a")
        if code is not OK or box is None:
            return code
        before = box.acl.get(who, frozenset())
        if who not in box.acl and box.is_owner(who) and box.owner_unspoken:
            before = ALL
        rights = frozenset(letters)
        after = {"": rights, "+": before | rights, "-": before - rights}[how]
        if after or box.is_owner(who):
            box.acl[who] = after
        else:
            box.acl.pop(who, None)
        return OK

    def delete_acl(self, person: str, box: Box | None, who: str) -> Code:
        """DELETEACL (§3.2)."""
        code = self.refusal(person, box, "a")
        if code is OK and box is not None:
            box.acl.pop(who, None)
        return code

    def told_acl(self, box: Box) -> dict[str, Rights]:
        """GETACL (§3.3): the owner is told though the list doesn't speak of him."""
        told = dict(box.acl)
        if box.owner_unspoken:
            told[box.owner or "owner"] = ALL
        return {
            who: rights | (OWNER_KEEPS if box.is_owner(who) else frozenset())
            for who, rights in told.items()
        }

    # -- names

    def superior(self, owner: str | None, name: str) -> Box | None:
        """Give the nearest superior that exists."""
        above = name.rpartition("/")[0]
        while above and self.find(owner, above) is None:
            above = above.rpartition("/")[0]
        return self.find(owner, above) if above else None

    def _may_make(self, person: str, owner: str | None, name: str) -> bool:
        above = self.superior(owner, name)
        if above is None:
            return self.owns(person, owner)
        return "k" in self.rights(person, above)

    def create(self, person: str, owner: str | None, name: str) -> Code:
        """CREATE: "k" for the nearest superior; lists are inherited."""
        if not self._may_make(person, owner, name):
            return "NOPERM"
        there = self.find(owner, name)
        if there is not None and there.real:
            return "ALREADYEXISTS"
        self._make_superiors(owner, name)
        inherited = self._inherited(owner, name)
        if there is None:
            self.boxes.append(Box(owner, name, inherited))
        else:
            there.real = True
            there.acl = inherited | there.acl
        return OK

    def _make_superiors(self, owner: str | None, name: str) -> None:
        levels = name.split("/")
        for depth in range(1, len(levels)):
            above = "/".join(levels[:depth])
            if self.find(owner, above) is None:
                self.boxes.append(Box(owner, above, self._inherited(owner, above)))

    def _inherited(self, owner: str | None, name: str) -> dict[str, Rights]:
        above = self.find(owner, name.rpartition("/")[0])
        return {} if above is None else dict(above.acl)

    def below(self, box: Box) -> list[Box]:
        """Give all that is inferior to a mailbox."""
        prefix = f"{box.name}/"
        return [
            one
            for one in self.boxes
            if one.owner == box.owner and one.name.startswith(prefix)
        ]

    def delete(self, person: str, box: Box | None) -> Code:
        """DELETE: "x"; the list goes along (§4)."""
        code = self.refusal(person, box, "x")
        if code is not OK or box is None:
            return code
        if box.name == FIXED:
            return "NOPERM"
        below = self.below(box)
        if below and not box.real:
            return "HASCHILDREN"
        self.boxes.remove(box)
        box.gone = True
        if below:
            self.boxes.append(Box(box.owner, box.name, real=False))
        return OK

    def rename(self, person: str, box: Box | None, name: str) -> Code:
        """RENAME: "x" for it and all below it, "k" for the new superior."""
        code = self.refusal(person, box, "x")
        if code is not OK or box is None:
            return code
        along = self.below(box)
        if not self._may_make(person, box.owner, name):
            return "NOPERM"
        if any("x" not in self.rights(person, one) for one in along):
            return "NOPERM"
        if name.startswith(f"{box.name}/"):
            return "CANNOT"
        moved = {one: name + one.name[len(box.name) :] for one in (box, *along)}
        there = [self.find(box.owner, new) for new in moved.values()]
        if name == box.name or any(one not in (None, *moved) for one in there):
            return "ALREADYEXISTS"
        self._make_superiors(box.owner, name)
        for one, new in moved.items():
            one.name = new
        return OK

    # -- messages

    def select(self, person: str, box: Box | None) -> Code:
        """SELECT and STATUS: "r"."""
        code = self.refusal(person, box, "r")
        if code is OK and box is not None and not box.real:
            return "NONEXISTENT"
        return code

    def target(self, person: str, box: Box | None) -> Code:
        """APPEND and COPY: "i" (§4)."""
        code = self.refusal(person, box, "i")
        if code is OK and box is not None and not box.real:
            code = "NONEXISTENT"
        return "TRYCREATE" if code == "NONEXISTENT" else code

    def append(self, person: str, box: Box | None, flags: Flags) -> Code:
        """APPEND."""
        code = self.target(person, box)
        if code is OK and box is not None:
            box.put(flags, person, self.rights(person, box))
        return code

    def store(
        self, person: str, box: Box, uid: int, how: str, flags: Collection[str]
    ) -> Code:
        """STORE: what may be set is set; refused if nothing may (§4)."""
        has = self.rights(person, box)
        code = self.refusal(person, box, "", "swt")
        if code is not OK:
            return code
        allowed = {flag for flag in flags if right_for(flag) in has}
        if flags and not allowed:
            return "NOPERM"
        for message in box.messages:
            if message.uid == uid:
                old = box.shown(message, person)
                kept = {flag for flag in old if right_for(flag) not in has}
                new = {"+": old | allowed, "-": old - allowed, "": kept | allowed}[how]
                self._set(box, message, person, new)
        return OK

    def _set(self, box: Box, message: Message, person: str, flags: set[str]) -> None:
        if not box.is_guest(person):
            message.flags = flags
            return
        message.flags = flags - {SEEN} | (message.flags & {SEEN})
        message.seen.discard(person)
        if SEEN in flags:
            message.seen.add(person)

    def expunge(self, person: str, box: Box) -> Code:
        """EXPUNGE: "e"."""
        code = self.refusal(person, box, "e")
        if code is OK:
            box.messages = [m for m in box.messages if "\\Deleted" not in m.flags]
        return code

    def may_move(self, person: str, box: Box, to: Box | None) -> Code:
        """Give the code for who may not take messages away, wherever to.

        Where neither may be known to be there, that of the target is told.
        """
        code = self.refusal(person, box, "rte")
        target = self.target(person, to)
        return target if (code, target) == ("NONEXISTENT", "TRYCREATE") else code

    def send(
        self, person: str, box: Box, uid: int, to: Box | None, *, move: bool
    ) -> Code:
        """COPY and MOVE; a move takes along what is others' own (RFC 6851 §4.2)."""
        code = self.may_move(person, box, to) if move else OK
        if code is OK:
            code = self.target(person, to)
        if code is not OK or to is None:
            return code
        may = self.rights(person, to)
        for message in [one for one in box.messages if one.uid == uid]:
            new = to.put(box.shown(message, person), person, may)
            if move and to.owner == box.owner:
                new.seen |= message.seen - {person}
                if to.is_guest(person):
                    new.flags |= message.flags & {SEEN}
            if move:
                box.messages.remove(message)
        return OK
