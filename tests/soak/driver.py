"""Random sessions of one account, or of several, on a server with several workers.

All that is chosen at random comes from one seed: the same seed says the same commands
in the same order. In each step some clients send a command at the same time, then all
answers are read; now and then everybody is at rest, and every mirror must equal the
mailbox. A step that fails is told with its seed and number.
"""

from __future__ import annotations

import random
import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.soak.mirror import Kind, Message, Mirror
from tests.support.client import Answer, Client, Disconnected
from tests.support.responses import Exists, Expunge, Fetch, Status, Vanished

BOXES = ("INBOX", "Other")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "alpha", "Beta")
KEYS = ("ALL", "DELETED", "UNSEEN", "BODY x", "KEYWORD alpha", "NOT FLAGGED")
FULL = 60  # messages; from there on more is removed than arrives
REST = 25  # steps between two comparisons


_HEARD = 80  # answers that a failure tells


class Unfaithful(AssertionError):
    """A rule was broken, or a mirror is not true; says when."""


@dataclass
class Player:
    """One client: its connection, its mirror, and the command that runs."""

    number: int
    client: Client
    mirror: Mirror
    who: str = ""
    command: str = ""
    tag: str = ""
    then: Callable[[Answer], None] | None = None
    idle: bool = False

    @property
    def free(self) -> bool:
        return not self.idle and self.mirror.mailbox is not None


@dataclass
class Soak:
    """A run. ``connect`` gives a new connection of somebody who is logged in.

    All mailboxes belong to the first of ``people``; the others have to be let in.
    """

    connect: Callable[[str], Client]
    seed: int
    clients: int = 6
    people: Sequence[str] = ("alice",)
    steps: int = 0
    done: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._players: list[Player] = []
        self._heard: deque[str] = deque(maxlen=_HEARD)
        self._arrived = 0

    # -- a run

    def begin(self) -> None:
        """Connect everybody, and fill the mailbox a little."""
        with self.connect(self.people[0]) as client:
            for name in BOXES[1:]:
                client.command(f"CREATE {name}")
            for _ in range(5):
                client.ok("APPEND INBOX {}", self._message())
        kinds = list(Kind)
        for number in range(self.clients):
            kind = kinds[number // len(self.people) % len(kinds)]
            who = self.people[number % len(self.people)]
            player = Player(number, self.connect(who), Mirror(kind), who)
            self._players.append(player)
            self._enter(player, BOXES[0])

    def wire(self, who: str, name: str) -> str:
        """Write a mailbox's name as somebody calls it."""
        owner = self.people[0]
        return name if who == owner else f'"Other Users/{owner}/{name}"'

    def run(self, steps: int) -> None:
        """Take some steps, then compare. Raises `Unfaithful`."""
        for _ in range(steps):
            self.step()
        self._guarded(self.rest)

    def step(self) -> None:
        """Let some clients send a command each, and read what comes."""
        self.steps += 1
        self._guarded(self._step)
        if self.steps % REST == 0:
            self._guarded(self.rest)

    def end(self) -> None:
        """Close all connections."""
        for player in self._players:
            player.client.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except AssertionError as error:
            told = "\n".join(self._heard)
            where = f"seed {self.seed}, step {self.steps}"
            raise Unfaithful(f"{where}: {error}\n{told}") from error

    def _step(self) -> None:
        count = self._random.randint(1, len(self._players))
        chosen = self._random.sample(self._players, count)
        for player in chosen:
            self._choose(player)
        for player in chosen:
            self._finish(player)

    def rest(self) -> None:
        """Have everybody hear the last news, then hold all mirrors to the truth."""
        for player in self._players:
            if player.idle:
                self._end_idle(player)
                self._finish(player)
        for player in self._players:
            self._send(player, "NOOP")
            self._finish(player)
        truths: dict[tuple[str, str], Mirror] = {}
        for player in self._players:
            name = player.mirror.mailbox
            if name is not None:
                place = player.who, name
                if place not in truths:
                    truths[place] = self._truth(*place)
                try:
                    guest = player.who != self.people[0]
                    player.mirror.compare(truths[place], guest=guest)
                except AssertionError as error:
                    raise AssertionError(f"client {player.number}: {error}") from error

    def _truth(self, who: str, name: str) -> Mirror:
        truth = Mirror(Kind.CONDSTORE)
        with self.connect(who) as client:
            truth.begin(name)
            answer = client.ok(f"EXAMINE {self.wire(who, name)} (CONDSTORE)")
            truth.absorb(answer, "EXAMINE")
            if truth.messages:
                answer = client.ok("UID FETCH 1:* (UID FLAGS MODSEQ)")
                truth.absorb(answer, "UID FETCH")
        return truth

    # -- sending and reading

    def _send(
        self,
        player: Player,
        command: str,
        *literals: bytes,
        then: Callable[[Answer], None] | None = None,
    ) -> None:
        player.command, player.then = command, then
        try:
            player.tag = player.client.send(command, *literals)
        except (OSError, Disconnected):
            player.tag = ""

    def _finish(self, player: Player) -> None:
        if player.idle or not player.command:
            return
        name = re.match(r"(UID )?\w+", player.command)
        assert name is not None
        try:
            if not player.tag:
                raise Disconnected
            answer = player.client.wait(player.tag)
        except (OSError, Disconnected):
            self._come_back(player)
            return
        if answer.kind == "BYE":
            self._come_back(player)
            return
        assert answer.kind in ("OK", "NO"), answer.status
        self.done[name[0]] += 1
        self._absorb(player, answer, name[0])
        then, player.then = player.then, None
        if then is not None and answer.kind == "OK":
            then(answer)

    def _absorb(self, player: Player, answer: Answer, command: str) -> None:
        self._heard.append(
            f"{self.steps} client {player.number} {player.mirror.kind.name} "
            f"{player.mirror.mailbox}: {player.command} -> {_short(answer)}"
        )
        player.mirror.absorb(answer, command)

    def _come_back(self, player: Player) -> None:
        """Connect again after the server ended the connection (a worker died)."""
        self.lost += 1
        player.client.close()
        player.client, player.idle = self.connect(player.who), False
        before = player.mirror
        self._reenter(player, before, before.mailbox or BOXES[0])

    def selected(self, player: Player) -> Answer | None:
        """Say the player's SELECT; None if he may not read the mailbox."""
        return player.client.ok(player.command)

    def may_all(self, player: Player) -> bool:
        """Tell whether a player may do all that he tries."""
        return True

    # -- choosing

    def _choose(self, player: Player) -> None:
        if player.idle:
            self._end_idle(player)
            return
        player.command = ""
        acts = [self._append, self._select, self._noop, self._reconnect]
        if player.free:
            acts += [self._noop, self._idle, self._close]
            acts += 3 * [self._fetch, self._search, self._transfer]
            acts += 6 * [self._store]
            acts += (6 if len(player.mirror.messages) > FULL else 2) * [self._expunge]
            if player.mirror.kind.modseqs:
                acts += 2 * [self._changed_since, self._conditional]
        self._random.choice(acts)(player)

    def _numbers(self, player: Player, *, by_uid: bool) -> str:
        """Choose some messages, as a set; empty when there are none."""
        mirror = player.mirror
        known = mirror.known_uids() if by_uid else range(1, len(mirror.messages) + 1)
        if not known:
            return ""
        if self._random.random() < 0.15:
            return "1:*"
        few = self._random.sample(list(known), min(len(known), 3))
        return ",".join(map(str, few))

    def _message(self) -> bytes:
        self._arrived += 1
        return b"Subject: %d\r\n\r\nx of %d\r\n" % (self._arrived, self.seed)

    def _append(self, player: Player) -> None:
        name = self.wire(player.who, self._random.choice(BOXES))
        self._send(
            player, f"APPEND {name} ({self._some_flags()}) {{}}", self._message()
        )

    def _some_flags(self) -> str:
        return " ".join(self._random.sample(FLAGS, self._random.randint(0, 2)))

    def _noop(self, player: Player) -> None:
        self._send(player, self._random.choice(("NOOP", "CHECK", "NOOP")))
        if player.command == "CHECK" and not player.free:
            self._finish_unselected_check(player)

    def _finish_unselected_check(self, player: Player) -> None:
        """CHECK is BAD where nothing is selected; nobody sane sends it there."""
        try:
            assert player.client.wait(player.tag).kind in ("BAD", "BYE")
        except (OSError, Disconnected):
            self._come_back(player)
        player.command = ""

    def _idle(self, player: Player) -> None:
        self._send(player, "IDLE")
        player.idle = bool(player.tag)

    def _end_idle(self, player: Player) -> None:
        player.idle = False
        try:
            player.client.raw(b"DONE\r\n")
        except OSError:
            player.tag = ""

    def _close(self, player: Player) -> None:
        self._send(player, "CLOSE", then=lambda _: player.mirror.leave())

    def _select(self, player: Player) -> None:
        self._enter(player, self._random.choice(BOXES))

    def _fetch(self, player: Player) -> None:
        by_uid = self._random.random() < 0.5
        numbers = self._numbers(player, by_uid=by_uid)
        if numbers:
            items = self._random.choice(("UID FLAGS", "UID FLAGS BODY[]", "UID"))
            self._send(player, f"{'UID ' if by_uid else ''}FETCH {numbers} ({items})")

    def _search(self, player: Player) -> None:
        uid = self._random.choice(("UID ", ""))
        self._send(player, f"{uid}SEARCH {self._random.choice(KEYS)}")

    def _transfer(self, player: Player) -> None:
        numbers = self._numbers(player, by_uid=True)
        if numbers and (numbers != "1:*" or len(player.mirror.messages) < FULL // 4):
            how = self._random.choice(("COPY", "MOVE", "MOVE"))
            to = self.wire(player.who, self._random.choice(BOXES))
            self._send(player, f"UID {how} {numbers} {to}")

    def _expunge(self, player: Player) -> None:
        numbers = self._numbers(player, by_uid=True)
        if numbers and self._random.random() < 0.5:
            self._send(player, f"UID EXPUNGE {numbers}")
        else:
            self._send(player, "EXPUNGE")

    # -- flags

    def _store(self, player: Player) -> None:
        self._change_flags(player, "")

    def _conditional(self, player: Player) -> None:
        since = max((m.modseq or 0 for m in player.mirror.messages), default=0)
        since -= self._random.randint(0, 3)
        if since > 0:
            self._change_flags(player, f"(UNCHANGEDSINCE {since}) ")

    def _change_flags(self, player: Player, condition: str) -> None:
        by_uid = self._random.random() < 0.5
        numbers = self._numbers(player, by_uid=by_uid)
        how = self._random.choice(("FLAGS", "+FLAGS", "-FLAGS"))
        silent, flags = self._random.random() < 0.5, self._some_flags()
        if not numbers:
            return
        before = [
            (message, message.flags)
            for message in self._meant(player.mirror, numbers, by_uid=by_uid)
        ]
        word = f"{how}.SILENT" if silent else how

        def then(answer: Answer) -> None:
            mirror, there = player.mirror, {id(m) for m in player.mirror.messages}
            if not silent:
                return
            unsure = condition or not self.may_all(player)
            if unsure or any(id(message) not in there for message, _ in before):
                mirror.forget_untold()  # which were refused, or meant: who knows
            else:
                mirror.stored_silently(before, how, frozenset(flags.split()))

        uid = "UID " if by_uid else ""
        command = f"{uid}STORE {numbers} {condition}{word} ({flags})"
        self._send(player, command, then=then)

    def _meant(self, mirror: Mirror, numbers: str, *, by_uid: bool) -> list[Message]:
        if numbers == "1:*":
            return list(mirror.messages)
        wanted = {int(number) for number in numbers.split(",")}
        return [
            message
            for at, message in enumerate(mirror.messages, 1)
            if (message.uid if by_uid else at) in wanted
        ]

    # -- coming and going

    def _changed_since(self, player: Player) -> None:
        since = max(1, player.mirror.highest - self._random.randint(0, 5))
        more = " VANISHED" if player.mirror.kind.vanished else ""
        items = "(UID FLAGS)"
        self._send(player, f"UID FETCH 1:* {items} (CHANGEDSINCE {since}{more})")

    def _enter(self, player: Player, name: str) -> None:
        """Select a mailbox and learn its messages; not at the same time as others."""
        mirror, client = player.mirror, player.client
        try:
            if mirror.kind.modseqs and mirror.mailbox is None and not mirror.highest:
                client.ok(f"ENABLE {mirror.kind.name}")
            mirror.begin(name)
            player.command = f"SELECT {self.wire(player.who, name)}"
            answer = self.selected(player)
            if answer is None:
                return
            self._absorb(player, answer, "SELECT")
            if mirror.messages:
                player.command = "UID FETCH 1:* (UID FLAGS)"
                self._absorb(player, client.ok(player.command), "UID FETCH")
        except (OSError, Disconnected):
            mirror.leave()  # it knows nothing yet that it could patch
            self._come_back(player)
        player.command = ""

    def _reconnect(self, player: Player) -> None:
        """Drop the connection; whoever knows QRESYNC asks only for what happened."""
        if not player.free:
            return
        assert player.mirror.mailbox is not None
        player.client.close()
        player.client = self.connect(player.who)
        self._reenter(player, player.mirror, player.mirror.mailbox)

    def _reenter(self, player: Player, before: Mirror, name: str) -> None:
        player.mirror = Mirror(before.kind)
        if not before.kind.vanished or before.mailbox is None or not before.highest:
            self._enter(player, name)
            return
        known = [m for m in before.messages if m.uid and m.flags is not None]
        if len(known) != len(before.messages):
            self._enter(player, name)  # it could not tell what it missed
            return
        try:
            self._resync(player, before, name)
        except (OSError, Disconnected):
            self._come_back(player)
        player.command = ""

    def _resync(self, player: Player, before: Mirror, name: str) -> None:
        """SELECT (QRESYNC (…)) (RFC 7162 §3.2.5): the mirror is patched, not made."""
        client, mirror = player.client, player.mirror
        client.ok("ENABLE QRESYNC")
        player.command = (
            f"SELECT {self.wire(player.who, name)}"
            f" (QRESYNC ({before.uidvalidity} {before.highest}))"
        )
        answer = self.selected(player)
        if answer is None:
            return
        self._heard.append(f"{self.steps} client {player.number} {_short(answer)}")
        mirror.mailbox, mirror.highest = name, before.highest
        mirror.messages = before.messages
        exists = answer.one(Exists).number
        later = []
        for response in answer.untagged:
            if isinstance(response, Vanished | Status):
                mirror.take(response, "SELECT")
            elif not isinstance(response, Exists):
                later.append(response)
        grown = exists - len(mirror.messages)
        assert grown >= 0, "SELECT (QRESYNC) keeps a removal to itself"
        mirror.messages += [Message() for _ in range(grown)]
        for response in later:
            mirror.take(response, "SELECT")
        mirror.absorb(Answer(answer.status), "SELECT")
        assert None not in [m.uid for m in mirror.messages], "a new one was not told"


def _short(answer: Answer) -> str:
    """Write an answer as it came, less what does not move a mirror."""
    words = [answer.kind]
    if answer.status.code is not None:
        words.append(f"[{answer.status.code.name} {answer.status.code.value}]")
    for one in answer.untagged:
        match one:
            case Exists(number):
                words.append(f"{number} EXISTS")
            case Expunge(number):
                words.append(f"{number} EXPUNGE")
            case Vanished(ranges, earlier):
                words.append(f"VANISHED{' EARLIER' if earlier else ''} {ranges}")
            case Fetch(number, items):
                kept = {k: v for k, v in items.items() if k in _MOVING}
                words.append(f"{number} FETCH {kept}")
            case _:
                continue
    return ", ".join(words)


_MOVING = ("UID", "FLAGS", "MODSEQ")
