"""What one client believes of its mailbox, made only of what it was told.

It holds every response to the rules: EXPUNGE and VANISHED name messages that are
there and come during no FETCH, STORE or SEARCH by number (RFC 3501 §7.4.1, RFC 7162
§3.2.10); EXISTS never shrinks; UIDs ascend by number, and a message keeps its own;
mod-sequences only grow, and nobody hears of them who didn't ask.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.client import Answer
from tests.support.responses import (
    Exists,
    Expunge,
    Fetch,
    Response,
    SearchResult,
    Status,
    Vanished,
)

HOLD = ("FETCH", "STORE", "SEARCH")
"""Commands by number: numbers may not move while they run."""


class Kind(enum.Enum):
    """What a client has enabled; each has all that stands before it."""

    PLAIN = 0
    CONDSTORE = 1
    QRESYNC = 2

    @property
    def modseqs(self) -> bool:
        return self is not Kind.PLAIN

    @property
    def vanished(self) -> bool:
        return self is Kind.QRESYNC


@dataclass(slots=True)
class Message:
    """One message; None is what the client was not told, or cannot know any more."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int | None = None


@dataclass
class Mirror:
    """A client's memory. ``kind`` is what it has enabled."""

    kind: Kind = Kind.PLAIN
    mailbox: str | None = None
    uidvalidity: int = 0
    highest: int = 0
    messages: list[Message] = field(default_factory=list)
    fresh: set[int] = field(default_factory=set)  # whose flags the last answer told

    def begin(self, mailbox: str) -> None:
        """Select a mailbox: what was known of another is forgotten."""
        if mailbox != self.mailbox:
            self.highest = 0
        self.mailbox = mailbox
        self.messages = []

    def leave(self) -> None:
        """Close the mailbox."""
        self.mailbox, self.messages, self.highest = None, [], 0

    def absorb(self, answer: Answer, command: str) -> None:
        """Take a command's responses, and the code of its end."""
        self.fresh = set()
        for response in answer.untagged:
            self.take(response, command)
        self._note_code(answer.status)

    def take(self, response: Response, command: str = "") -> None:
        """Take one response that came while a command ran."""
        match response:
            case Exists(number):
                assert number >= len(self.messages), "EXISTS shrinks"
                grown = number - len(self.messages)
                self.messages += [Message() for _ in range(grown)]
            case Expunge(number):
                assert not self.kind.vanished, "EXPUNGE after ENABLE QRESYNC"
                assert 1 <= number <= len(self.messages), f"no message {number}"
                assert command not in HOLD, f"EXPUNGE during {command}"
                del self.messages[number - 1]
            case Vanished(earlier=earlier):
                assert self.kind.vanished, "VANISHED without ENABLE QRESYNC"
                assert command not in HOLD, f"VANISHED during {command}"
                self._vanish(response.uids, earlier=earlier)
            case Fetch():
                self._fetched(response)
            case SearchResult(numbers):
                if command == "SEARCH":
                    assert all(1 <= n <= len(self.messages) for n in numbers)
            case Status():
                self._note_code(response)
            case _:
                pass

    def _vanish(self, uids: Iterable[int], *, earlier: bool) -> None:
        for uid in uids:
            at = self.place(uid)
            if at is None and not earlier:
                at = self._unknown_place(uid)
            if at is not None:
                del self.messages[at]

    def _unknown_place(self, uid: int) -> int:
        """Give the place of a message that is there and whose UID was not told.

        Of those between the same two known UIDs it is any. Which of them is gone the
        client cannot know, so what it knew of each by its number is worth no more.
        """
        found: list[int] = []
        for at, message in enumerate(self.messages):
            if message.uid is None:
                found.append(at)
            elif message.uid < uid:
                found.clear()
            else:
                break
        assert found, f"VANISHED {uid}, which was not there"
        if len(found) > 1:
            for at in found:
                self.messages[at].flags = self.messages[at].modseq = None
        return found[0]

    def _fetched(self, response: Fetch) -> None:
        assert 1 <= response.number <= len(self.messages), "FETCH beyond EXISTS"
        message = self.messages[response.number - 1]
        uid, modseq = response.items.get("UID"), response.items.get("MODSEQ")
        if isinstance(uid, int):
            assert message.uid in (None, uid), "a message's UID has changed"
            message.uid = uid
            known = [one.uid for one in self.messages if one.uid is not None]
            assert known == sorted(set(known)), "UIDs do not ascend"
        if modseq is not None:
            assert isinstance(modseq, int)
            assert self.kind.modseqs, "MODSEQ without ENABLE CONDSTORE"
            assert modseq >= (message.modseq or 0), "a mod-sequence goes back"
            message.modseq = modseq
        flags = response.items.get("FLAGS")
        if isinstance(flags, frozenset):
            message.flags = flags - {"\\Recent"}
            self.fresh.add(id(message))

    def _note_code(self, status: Status) -> None:
        code = status.code
        if code is None:
            return
        if code.name == "HIGHESTMODSEQ" and isinstance(code.value, int):
            assert code.value >= self.highest, "HIGHESTMODSEQ goes back"
            self.highest = code.value
        elif code.name == "UIDVALIDITY" and isinstance(code.value, int):
            self.uidvalidity = code.value

    # -- what a client works out

    def place(self, uid: int) -> int | None:
        """Give the index of the message with a UID."""
        for at, message in enumerate(self.messages):
            if message.uid == uid:
                return at
        return None

    def known_uids(self) -> list[int]:
        """Give all UIDs that are known."""
        return [one.uid for one in self.messages if one.uid is not None]

    def stored_silently(
        self,
        before: list[tuple[Message, frozenset[str] | None]],
        how: str,
        flags: frozenset[str],
    ) -> None:
        """Work out flags after .SILENT: ``before`` has the messages it was about.

        What was told in the answer is known from there; whose flags were not known
        are not known now either, unless all were replaced.
        """
        for message, old in before:
            if id(message) in self.fresh:
                continue
            if how == "FLAGS":
                message.flags = flags
            elif old is None:
                message.flags = None
            else:
                message.flags = old | flags if how == "+FLAGS" else old - flags

    def forget_untold(self) -> None:
        """Unlearn all flags but those that the last answer told."""
        for message in self.messages:
            if id(message) not in self.fresh:
                message.flags = None

    def compare(self, truth: Mirror, *, guest: bool = False) -> None:
        """Hold what is believed against what is so.

        Of a message whose owner read it a guest is told nothing: he has \\Seen for
        himself. Its mod-sequence is higher then than he knows.
        """
        assert len(self.messages) == len(truth.messages), (
            f"{self.known_uids()} is believed, {truth.known_uids()} is so"
        )
        for mine, true in zip(self.messages, truth.messages, strict=True):
            assert mine.uid in (None, true.uid)
            assert mine.flags in (None, true.flags), (mine, true)
            if mine.modseq is not None and true.modseq is not None:
                behind = mine.modseq < true.modseq
                assert mine.modseq == true.modseq or (guest and behind), (mine, true)
