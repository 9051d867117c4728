"""What a NOTIFY client believes of its account, by what it was told and did itself.

It keeps what a mail program shows: names, subscriptions, how many messages and how many
unread ones each mailbox has, and the messages of the selected one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.responses import (
    Code,
    Exists,
    Expunge,
    Fetch,
    FlagsLine,
    ListLine,
    Response,
    Status,
    StatusLine,
)
from tests.support.session import Session

ITEMS = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN"


@dataclass
class Counts:
    """The counters of one mailbox; None: unknown until the next STATUS."""

    messages: int | None = 0
    unseen: int | None = 0
    uidnext: int = 1
    uidvalidity: int | None = None


@dataclass
class Selected:
    """The messages of the selected mailbox, by number."""

    name: str
    uidvalidity: int = 0
    uidnext: int = 1
    gone: bool = False
    uids: list[int | None] = field(default_factory=list)
    flags: list[frozenset[str] | None] = field(default_factory=list)


@dataclass
class AccountMirror:
    """One client and what it believes."""

    session: Session
    selectable: dict[str, bool] = field(default_factory=dict)
    subscribed: set[str] = field(default_factory=set)
    counts: dict[str, Counts] = field(default_factory=dict)
    selected: Selected | None = None
    idle: bool = False

    # -- being told

    def absorb(self, responses: Iterable[Response]) -> None:
        for response in responses:
            match response:
                case ListLine(subscribed_list=False):
                    self._listed(response)
                case StatusLine():
                    self._counted(response)
                case Status(code=Code(name="NOTIFICATIONOVERFLOW")):
                    raise AssertionError("so little is no overflow")
                case Exists() | Expunge() | Fetch() if self.selected is not None:
                    self._selected_changed(self.selected, response)
                case _:
                    continue

    def _listed(self, line: ListLine) -> None:
        for tag, value in line.extended:
            if tag == "OLDNAME":
                assert isinstance(value, tuple)
                (old,) = value
                assert isinstance(old, bytes)
                self.rename(old.decode(), line.name)
        attributes = {attribute.upper() for attribute in line.attributes}
        self.subscribed.discard(line.name)
        if "\\SUBSCRIBED" in attributes:
            self.subscribed.add(line.name)
        if "\\NONEXISTENT" in attributes or "\\NOSELECT" in attributes:
            self._drop(line.name, keep_name="\\HASCHILDREN" in attributes)
        else:
            self._add(line.name)

    def _add(self, name: str) -> None:
        if not self.selectable.get(name):
            self.counts[name] = Counts()
        self.selectable[name] = True

    def _drop(self, name: str, *, keep_name: bool) -> None:
        self.selectable.pop(name, None)
        self.counts.pop(name, None)
        if keep_name:
            self.selectable[name] = False
        if self.selected is not None and self.selected.name == name:
            self.selected.gone = True

    def rename(self, old: str, new: str) -> None:
        """Take a mailbox and all below it to another name."""
        moved = [n for n in self.selectable if n == old or n.startswith(f"{old}/")]
        for name in moved:
            to = new + name[len(old) :]
            self.selectable[to] = self.selectable.pop(name)
            if name in self.counts:
                self.counts[to] = self.counts.pop(name)
            if name in self.subscribed:
                self.subscribed.remove(name)
                self.subscribed.add(to)
            selected = self.selected
            if selected is not None and not selected.gone and selected.name == name:
                selected.name = to

    def _counted(self, line: StatusLine) -> None:
        counts = self.counts.setdefault(line.name, Counts())
        counts.messages = line.items.get("MESSAGES", counts.messages)
        counts.unseen = line.items.get("UNSEEN", counts.unseen)
        counts.uidnext = line.items.get("UIDNEXT", counts.uidnext)
        counts.uidvalidity = line.items["UIDVALIDITY"]
        if self.selected is not None and self.selected.name == line.name:
            # It is said of others alone: this is another mailbox of that name.
            assert counts.uidvalidity != self.selected.uidvalidity
            self.selected.gone = True

    def _selected_changed(
        self, selected: Selected, response: Exists | Expunge | Fetch
    ) -> None:
        match response:
            case Exists(number):
                assert number >= len(selected.uids)
                grown = number - len(selected.uids)
                selected.uids += [None] * grown
                selected.flags += [None] * grown
            case Expunge(number):
                assert 1 <= number <= len(selected.uids)
                del selected.uids[number - 1], selected.flags[number - 1]
            case Fetch(number, items):
                uid, flags = items.get("UID"), items.get("FLAGS")
                if isinstance(uid, int):
                    assert selected.uids[number - 1] in (None, uid)
                    selected.uids[number - 1] = uid
                    selected.uidnext = max(selected.uidnext, uid + 1)
                if isinstance(flags, frozenset):
                    selected.flags[number - 1] = flags - {"\\Recent"}

    # -- doing

    def run(self, command: str) -> Status:
        """Run a command, and believe its answer."""
        answer = self.session.run(command.encode("ascii"))
        self.absorb(answer.untagged)
        assert answer.status.kind in ("OK", "NO"), answer.status
        return answer.status

    def listen(self) -> None:
        self.absorb(self.session.read())

    def begin(self, selected: str = "selected") -> None:
        """Learn everything once, then be told."""
        self.selectable, self.subscribed, self.counts = {}, set(), {}
        self.run('LIST "" "*" RETURN (SUBSCRIBED CHILDREN)')
        self.watch(selected, "STATUS ")
        self.run('LIST (SUBSCRIBED) "" "*"')  # those that have no mailbox too

    def watch(self, selected: str, status: str = "") -> None:
        messages = "MessageNew (UID FLAGS) MessageExpunge FlagChange"
        others = "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"
        done = self.run(
            f"NOTIFY SET {status}({selected} ({messages})) (personal ({others}))"
        )
        assert done.kind == "OK"

    def leave(self) -> None:
        """Remember of the selected mailbox what can be counted."""
        selected, self.selected = self.selected, None
        if selected is None or selected.gone:
            return
        known = all(flags is not None for flags in selected.flags)
        self.counts[selected.name] = Counts(
            len(selected.uids),
            sum("\\Seen" not in (f or ()) for f in selected.flags) if known else None,
            selected.uidnext,
            selected.uidvalidity,
        )

    def select(self, name: str) -> None:
        answer = self.session.run(f"SELECT {name}".encode("ascii"))
        closed = [
            isinstance(one, Status) and one.code == Code("CLOSED")
            for one in answer.untagged
        ]
        end = closed.index(True) if True in closed else 0
        self.absorb(answer.untagged[:end])
        self.leave()
        if answer.status.kind != "OK":
            self.absorb(answer.untagged[end:])
            return
        flags = [isinstance(one, FlagsLine) for one in answer.untagged]
        start = flags.index(True)
        self.absorb(answer.untagged[end:start])
        about = answer.untagged[start:]
        made = Selected(name)
        for one in about:
            if isinstance(one, Status) and one.code is not None:
                if one.code.name == "UIDVALIDITY":
                    assert isinstance(one.code.value, int)
                    made.uidvalidity = one.code.value
                if one.code.name == "UIDNEXT":
                    assert isinstance(one.code.value, int)
                    made.uidnext = one.code.value
        self.selected = made
        self.absorb(about)
        self.learn()

    def learn(self) -> None:
        if self.selected is not None and self.selected.uids:
            self.run("UID FETCH 1:* (UID FLAGS)")

    def appended(self, name: str, uid: int, *, seen: bool | None) -> None:
        """Count a message that it has put into a mailbox itself."""
        counts = self.counts.setdefault(name, Counts())
        if uid < counts.uidnext:
            return  # a STATUS has told of it
        counts.uidnext = uid + 1
        if counts.messages is not None:
            counts.messages += 1
        if counts.unseen is not None and seen is not None:
            counts.unseen += not seen
        elif seen is None:
            counts.unseen = None
