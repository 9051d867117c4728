"""People share mailboxes and stop doing so while others are in them: after each step
everybody sees what RFC 4314 lets him see, and nothing else.

What that is, `tests.fuzz.rights_model` works out by itself: who is listed what, with
which rights and counters, which answer each command gets, and which flags each person
has at which message. Lists change by SETACL and DELETEACL of whoever has the right
"a", by groups, by CREATE below a list, RENAME and DELETE.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mailstore.maintenance.check import check
from tests.fuzz.rights_model import ALL, FIXED, OK, OWN_RIGHTS, SEEN, Box, Model
from tests.fuzz.rights_watcher import Watcher
from tests.support.linked_bus import LossyBus
from tests.support.responses import AclLine, Fetch, ListLine, MyRightsLine, StatusLine
from tests.support.session import Answer, Session, World

OWNER, GUEST, ADMIN = "ann", "bob", "eve"
PEOPLE = (OWNER, GUEST, ADMIN)
PLACES = (
    *((OWNER, name) for name in (FIXED, "Work", "Work/a", "Work/a/b", "Plan")),
    *((None, name) for name in ("Team", "Team/a")),
    (GUEST, FIXED),
)
WHO = (GUEST, GUEST, ADMIN, OWNER, "anyone", "authenticated", "group:sales", "owner")

people = st.sampled_from((GUEST, GUEST, GUEST, OWNER, ADMIN))
owners = st.sampled_from((OWNER, OWNER, ADMIN, GUEST))
places = st.sampled_from(PLACES)
identifiers = st.sampled_from((*WHO, *WHO, *(f"-{who}" for who in WHO)))
letters = st.sampled_from(("lr", "lrs", "lrswite", "lrswipkxtean", "lrkx", "l", "r"))
letters |= st.sets(st.sampled_from(sorted(ALL)), max_size=4).map("".join)
flag_sets = st.sets(st.sampled_from((SEEN, "\\Deleted", "\\Flagged", "k")), max_size=3)
numbers = st.integers(1, 3)


class Selected:
    """A session with a mailbox: which one, and whether it was told READ-ONLY."""

    def __init__(self, session: Session, box: Box, *, readonly: bool) -> None:
        self.session = session
        self.box = box
        self.readonly = readonly


class Rights(RuleBasedStateMachine):
    """Random work of an owner, a guest and an administrator."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        here, there = LossyBus.pair()
        self.world = World(self.path, *PEOPLE, bus=here)
        self.far = World(self.path, bus=there)  # another worker, where the guest is
        directory = self.world.store.directory
        directory.groups.add("sales")
        directory.set_admin(ADMIN, admin=True)
        self.world.runtime.run(self.world.store.public())
        self.model = Model(PEOPLE, (ADMIN,))
        self.asking = {who: self._connect(who) for who in PEOPLE}
        self.selected: dict[str, Selected] = {}
        self.subscribed: dict[str, set[str]] = {who: set() for who in PEOPLE}
        for owner, name in PLACES[1:-1]:
            self._make(owner or ADMIN, owner, name)
            if name == "Work":  # what is below it has this list too
                self._give(OWNER, (OWNER, name), GUEST, "", "lrswite")
        for flags in ({SEEN}, set(), {"k"}):
            self._put(OWNER, (OWNER, "Work"), flags)
        self.watcher = Watcher(self._connect(GUEST))
        self.watcher.begin()
        for who in (OWNER, GUEST):
            self.select(who, (OWNER, "Work"), examine=False)

    # -- how it asks

    def _connect(self, who: str) -> Session:
        return (self.far if who == GUEST else self.world).session(who)

    def _wire(self, person: str, place: tuple[str | None, str]) -> str:
        owner, name = place
        if owner == person:
            return f'"{name}"'
        return f'"Shared/{name}"' if owner is None else f'"Other Users/{owner}/{name}"'

    def _box(self, place: tuple[str | None, str]) -> Box | None:
        return self.model.find(*place)

    def _ask(self, person: str, command: str, code: str | None) -> Answer:
        return self._told(self.asking[person], command, code)

    def _told(self, session: Session, command: str, code: str | None) -> Answer:
        """Run a command that has to be answered so: by a code, or OK."""
        answer = session.run(command.encode("ascii"))
        if code is OK:
            assert answer.status.kind == "OK", (command, answer.status)
        else:
            assert answer.status.kind == "NO", (command, code, answer.status)
            assert answer.code == code, (command, code, answer.status)
        return answer

    # -- lists of rights

    def _give(self, who, place, identifier, how, rights):
        code = self.model.set_acl(who, self._box(place), identifier, how, rights)
        wire = self._wire(who, place)
        self._ask(who, f'SETACL {wire} "{identifier}" "{how}{rights}"', code)

    @rule(
        who=owners,
        place=places,
        identifier=identifiers,
        how=st.sampled_from(("", "", "+", "-")),
        rights=letters,
    )
    def give(self, who, place, identifier, how, rights):
        self._give(who, place, identifier, how, rights)

    @rule(who=owners, place=places, identifier=identifiers)
    def take(self, who, place, identifier):
        code = self.model.delete_acl(who, self._box(place), identifier)
        wire = self._wire(who, place)
        self._ask(who, f'DELETEACL {wire} "{identifier}"', code)

    @rule(who=people, place=places)
    def read_list(self, who, place):
        box = self._box(place)
        code = self.model.refusal(who, box, "a")
        wire = self._wire(who, place)
        answer = self._ask(who, f"GETACL {wire}", code)
        if code is OK:
            assert box is not None
            (line,) = answer.of(AclLine)
            told = {name: frozenset(r) & ALL for name, r in line.rights.items()}
            assert told == self.model.told_acl(box)
        self._ask(who, f"LISTRIGHTS {wire} anyone", code)

    @rule(who=st.sampled_from(PEOPLE))
    def join_or_leave(self, who):
        found = self.world.store.directory.find(who)
        assert found is not None
        groups = self.world.store.directory.groups
        (groups.leave if who in self.model.members else groups.join)("sales", found.id)
        self.model.members ^= {who}

    # -- names

    def _make(self, who: str, owner: str | None, name: str) -> None:
        code = self.model.create(who, owner, name)
        wire = self._wire(who, (owner, name))
        self._ask(who, f"CREATE {wire}", code)
        if code is OK and owner != who:
            self.subscribed[who].add(wire.strip('"'))

    @rule(who=people, place=places)
    def make(self, who, place):
        if place[1] != FIXED:
            self._make(who, *place)

    @rule(who=people, place=places)
    def delete(self, who, place):
        code = self.model.delete(who, self._box(place))
        self._ask(who, f"DELETE {self._wire(who, place)}", code)

    @rule(who=people, place=places, name=st.sampled_from(("Work/c", "Plan", "Team/a")))
    def rename(self, who, place, name):
        if place[1] == FIXED:
            return
        old, new = self._wire(who, place), self._wire(who, (place[0], name))
        code = self.model.rename(who, self._box(place), name)
        self._ask(who, f"RENAME {old} {new}", code)
        if code is OK and place[0] != who:
            self._follow(who, old.strip('"'), new.strip('"'))

    def _follow(self, who: str, old: str, new: str) -> None:
        for name in list(self.subscribed[who]):
            if name == old or name.startswith(f"{old}/"):
                self.subscribed[who] -= {name}
                self.subscribed[who] |= {new + name[len(old) :]}

    @rule(who=people, place=places, wanted=st.booleans())
    def subscribe(self, who, place, wanted):
        if place[0] == who:
            return
        wire = self._wire(who, place)
        code = self.model.refusal(who, self._box(place), "l") if wanted else OK
        self._ask(who, f"{'' if wanted else 'UN'}SUBSCRIBE {wire}", code)
        name = {wire.strip('"')}
        if wanted and code is OK:
            self.subscribed[who] |= name
        elif not wanted:
            self.subscribed[who] -= name
        told = {line.name for line in self._ask(who, 'LSUB "" "*"', OK).of(ListLine)}
        assert {n for n in told if n.startswith(("Other", "Shared"))} == (
            self.subscribed[who]
        )

    # -- messages

    def _put(self, who, place, flags):
        code = self.model.append(who, self._box(place), flags)
        wire = self._wire(who, place)
        command = f"APPEND {wire} ({' '.join(sorted(flags))}) {{1+}}\r\nx"
        answer = self._ask(who, command, code)
        if code is OK:
            reads = self.model.select(who, self._box(place)) is OK
            assert (answer.code == "APPENDUID") is reads

    @rule(who=people, place=places, flags=flag_sets)
    def append(self, who, place, flags):
        self._put(who, place, flags)

    @rule(who=people, place=places, examine=st.booleans())
    def select(self, who, place, examine):
        box = self._box(place)
        code = self.model.select(who, box)
        here = self.selected.pop(who, None)
        session = self._connect(who) if here is None else here.session
        word = "EXAMINE" if examine else "SELECT"
        answer = self._told(session, f"{word} {self._wire(who, place)}", code)
        if code is not OK or box is None:
            session.ok(b"LOGOUT")
            return
        readonly = examine or not (self.model.rights(who, box) & set("iestw"))
        assert answer.code == ("READ-ONLY" if readonly else "READ-WRITE")
        self.selected[who] = Selected(session, box, readonly=readonly)

    def _in(self, who: str, number: int) -> tuple[Selected, int] | None:
        """Give the selected mailbox and a message there, if there is one."""
        here = self.selected.get(who)
        if here is None or not here.box.messages:
            return None
        messages = here.box.messages
        return here, messages[(number - 1) % len(messages)].uid

    def _changing(self, here: Selected, code: str | None) -> str | None:
        return "READ-ONLY" if here.readonly and code is OK else code

    @rule(
        who=people,
        number=numbers,
        how=st.sampled_from(("", "+", "-")),
        flags=flag_sets,
    )
    def store(self, who, number, how, flags):
        found = self._in(who, number)
        if found is None:
            return
        here, uid = found
        if here.readonly:
            code = self.model.refusal(who, here.box, "", "swt")
        else:
            code = self.model.store(who, here.box, uid, how, flags)
        written = " ".join(sorted(flags))
        command = f"UID STORE {uid} {how}FLAGS.SILENT ({written})"
        self._told(here.session, command, self._changing(here, code))

    @rule(who=people)
    def expunge(self, who):
        here = self.selected.get(who)
        if here is None:
            return
        if here.readonly:
            code = self.model.refusal(who, here.box, "e")
        else:
            code = self.model.expunge(who, here.box)
        self._told(here.session, "EXPUNGE", self._changing(here, code))

    @rule(who=people, number=numbers, place=places, move=st.booleans())
    def send(self, who, number, place, move):
        found = self._in(who, number)
        if found is None:
            return
        here, uid = found
        to = self._box(place)
        word, wire = "MOVE" if move else "COPY", self._wire(who, place)
        if move and here.readonly:
            code = self._changing(here, self.model.may_move(who, here.box, to))
        else:
            code = self.model.send(who, here.box, uid, to, move=move)
        self._told(here.session, f"UID {word} {uid} {wire}", code)

    @rule(who=people, number=numbers)
    def read(self, who, number):
        found = self._in(who, number)
        if found is None:
            return
        here, uid = found
        self._told(here.session, f"UID FETCH {uid} (BODY[])", OK)
        if "s" in self.model.rights(who, here.box) and not here.readonly:
            self.model.store(who, here.box, uid, "+", {SEEN})

    @rule(who=people, place=places)
    def ask(self, who, place):
        """What is told of one name by itself, be it hidden or not."""
        box = self._box(place)
        wire = self._wire(who, place)
        self._ask(who, f"STATUS {wire} (MESSAGES)", self.model.select(who, box))
        code = self.model.refusal(who, box, "", "".join(OWN_RIGHTS))
        self._ask(who, f"MYRIGHTS {wire}", code)

    # -- the proof

    @invariant()
    def everybody_sees_what_he_may(self):
        for who in PEOPLE:
            self._compare_selected(who)
            self._compare_names(who)

    @invariant()
    def who_follows_others_was_told_of_all(self):
        """NOTIFY (RFC 5465 §5.4, §5.9): what it was told is what it would find.

        Every fourth notice between the workers is lost, which costs seconds.
        """
        self.far.runtime.advance(6)
        self.watcher.listen()
        known = dict(self.watcher.barred)
        for box in self.model.boxes:
            name = self._wire(GUEST, (box.owner, box.name)).strip('"')
            has = self.model.rights(GUEST, box)
            if box.owner == GUEST or "l" not in has:
                continue
            barred = known.pop(name, None)
            if box.real:
                assert barred is ("r" not in has), name
            if box.real and not barred:
                assert self.watcher.counts[name] == self._counts(GUEST, box), name
        own = {name for name in known if not name.startswith(("Other", "Shared"))}
        assert known.keys() == own

    def _compare_selected(self, who: str) -> None:
        here = self.selected.get(who)
        if here is None:
            return
        if here.box.gone:
            here.session.ok(b"UNSELECT")
            here.session.ok(b"LOGOUT")
            del self.selected[who]
        elif "r" not in self.model.rights(who, here.box):
            answer = here.session.run(b"NOOP")
            assert answer.status.kind == "BYE"
            assert answer.untagged == ()
            del self.selected[who]
        else:
            here.session.ok(b"NOOP")
            told = here.session.ok(b"UID FETCH 1:* (FLAGS)").of(Fetch)
            shown = {one.uid: _without_recent(one) for one in told}
            assert shown == {
                message.uid: here.box.shown(message, who)
                for message in here.box.messages
            }

    def _compare_names(self, who: str) -> None:
        returns = "RETURN (MYRIGHTS STATUS (MESSAGES UNSEEN))"
        answer = self._ask(who, f'LIST "" "*" {returns}', OK)
        names = {line.name: line.attributes for line in answer.of(ListLine)}
        rights = {line.mailbox: line.rights for line in answer.of(MyRightsLine)}
        counts = {line.name: line.items for line in answer.of(StatusLine)}
        seen: set[str] = set()
        for box in self.model.boxes:
            name = self._wire(who, (box.owner, box.name)).strip('"')
            has = self.model.rights(who, box)
            if "l" not in has:
                assert name not in rights, "its rights are told"
                assert name not in counts, "its counters are told"
                assert "\\Noselect" in names.get(name, {"\\Noselect"})
                continue
            seen.add(name)
            # RFC 5819 §2: without the counters that were asked for it is \\Noselect.
            usable = self.model.select(who, box) is OK
            assert ("\\Noselect" in names[name]) is not usable
            if box.real:
                assert frozenset(rights[name]) & ALL == has
            if usable:
                assert counts[name] == self._counts(who, box)
            else:
                assert name not in counts
        others = {n for n in names if n.startswith(("Other Users", "Shared"))}
        assert others == _with_superiors(seen)

    def _counts(self, who: str, box: Box) -> dict[str, int]:
        shown = [box.shown(message, who) for message in box.messages]
        unseen = sum(SEEN not in flags for flags in shown)
        return {"MESSAGES": len(shown), "UNSEEN": unseen}

    def teardown(self) -> None:
        try:
            self.far.close()
            self.world.close()
            report = check(self.path)
            assert report.whole, report
        finally:
            self.far.close()
            self.world.close()
            self._folder.cleanup()


def _without_recent(fetch: Fetch) -> set[str]:
    flags = fetch.items["FLAGS"]
    assert isinstance(flags, frozenset)
    return set(flags) - {"\\Recent"}


def _with_superiors(names: set[str]) -> set[str]:
    """Give others' names with those that are there for their sake."""
    found: set[str] = set()
    for name in names:
        if name.startswith(("Other Users/", "Shared/")):
            levels = name.split("/")
            found |= {"/".join(levels[:n]) for n in range(1, len(levels) + 1)}
    return found


_PROFILE = settings()
Rights.TestCase.settings = settings(
    # A few in each run of the suite, many in the profile `soak`.
    max_examples=max(10, _PROFILE.max_examples // 10),
    stateful_step_count=30,
    deadline=None,
)
test_everybody_sees_what_he_may = Rights.TestCase


# -- examples that were found


def test_where_nothing_may_be_known_the_target_of_a_move_is_told():
    rights = Rights()
    rights.give(OWNER, (OWNER, "Work"), GUEST, "", "r")
    rights.send(who=GUEST, number=1, place=(OWNER, FIXED), move=True)
    rights.everybody_sees_what_he_may()
    rights.who_follows_others_was_told_of_all()
    rights.teardown()
