"""NOTIFY clients of two workers: what each believes of the whole account equals the
store in the end, however others and it itself worked on it (RFC 5465).

Notices between the workers may be lost, and a third program tells nobody.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from mailstore.maintenance.check import check
from tests.fuzz.account_mirror import AccountMirror
from tests.support.linked_bus import LossyBus
from tests.support.responses import Code, ListLine, StatusLine
from tests.support.session import Session, World

NAMES = ("INBOX", "a", "a/b", "a/b/c", "d", "d/e")
SELECTED = ("selected", "selected-delayed")


class Account(RuleBasedStateMachine):
    """Random work of two watchers, two others, and a program that tells nobody."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        self.worlds = [World(self.path, bus=bus) for bus in LossyBus.pair()]
        self.stranger = World(self.path)
        self.others = [w.session() for w in (*self.worlds, self.stranger)]
        self.watchers = [AccountMirror(world.session()) for world in self.worlds]
        self.stranger.deliver(b"1", b"2", b"3", b"4")
        for watcher, how in zip(self.watchers, SELECTED, strict=True):
            watcher.begin(how)
            watcher.select("INBOX")
        self._messages = 0

    # -- what others do

    @rule(who=st.integers(0, 2), name=st.sampled_from(NAMES), count=st.integers(1, 3))
    def arrive(self, who, name, count):
        world = [*self.worlds, self.stranger][who]
        listed = self.others[0].ok(b'LIST "" "*"').of(ListLine)
        if name in [n.name for n in listed if "\\Noselect" not in n.attributes]:
            self._messages += 1
            world.deliver(
                *[b"%d" % (self._messages + n) for n in range(count)], to=name
            )

    @rule(
        who=st.integers(0, 2),
        verb=st.sampled_from(["CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"]),
        name=st.sampled_from(NAMES[1:]),
    )
    def change_names(self, who, verb, name):
        self._try(self.others[who], f"{verb} {name}")

    @rule(who=st.integers(0, 2), old=st.sampled_from(NAMES), new=st.sampled_from(NAMES))
    def rename(self, who, old, new):
        self._try(self.others[who], f"RENAME {old} {new}")

    @rule(
        who=st.integers(0, 2),
        name=st.sampled_from(NAMES),
        uid=st.integers(1, 6),
        flags=st.sampled_from(["+FLAGS (\\Seen)", "-FLAGS (\\Seen)", "FLAGS (x)"]),
    )
    def store(self, who, name, uid, flags):
        self._in(who, name, f"UID STORE {uid}:{uid + 1} {flags}")

    @rule(who=st.integers(0, 2), name=st.sampled_from(NAMES), uid=st.integers(1, 6))
    def expunge(self, who, name, uid):
        self._in(who, name, f"UID STORE {uid} +FLAGS (\\Deleted)", "EXPUNGE")

    @rule(
        who=st.integers(0, 2),
        name=st.sampled_from(NAMES),
        to=st.sampled_from(NAMES),
        verb=st.sampled_from(["COPY", "MOVE"]),
    )
    def transfer(self, who, name, to, verb):
        self._in(who, name, f"UID {verb} 1:3 {to}")

    @rule(who=st.integers(0, 1), by=st.integers(0, 2), name=st.sampled_from(NAMES))
    def leave_behind(self, who, by, name):
        """A watcher goes elsewhere while it hasn't been told of removals."""
        watcher = self.watchers[who]
        if watcher.idle or watcher.selected is None or watcher.selected.gone:
            return
        here = watcher.selected.name
        self._in(by, here, "UID STORE 1:2 +FLAGS (\\Deleted)", "EXPUNGE")
        watcher.listen()
        watcher.select(name)

    @rule(who=st.integers(0, 2), name=st.sampled_from(NAMES[1:]))
    def replace_a_mailbox(self, who, name):
        self._try(self.others[who], f"DELETE {name}")
        self._try(self.others[who], f"CREATE {name}")

    def _in(self, who: int, name: str, *commands: str) -> None:
        session = self.others[who]
        if session.run(f"SELECT {name}".encode()).status.kind == "OK":
            for command in commands:
                self._try(session, command)

    def _try(self, session: Session, command: str) -> None:
        kind = session.run(command.encode()).status.kind
        assert kind in ("OK", "NO"), command

    # -- what the watchers do

    @rule(who=st.integers(0, 1), name=st.sampled_from(NAMES))
    def select(self, who, name):
        watcher = self.watchers[who]
        if not watcher.idle:
            watcher.listen()
            watcher.select(name)

    @rule(who=st.integers(0, 1))
    def close(self, who):
        watcher = self.watchers[who]
        if not watcher.idle and watcher.selected is not None:
            watcher.run("UNSELECT")
            watcher.leave()

    @rule(who=st.integers(0, 1))
    def idle(self, who):
        watcher = self.watchers[who]
        if watcher.idle:
            watcher.absorb(watcher.session.feed(b"DONE\r\n"))
        else:
            watcher.absorb(watcher.session.begin(b"IDLE"))
        watcher.idle = not watcher.idle

    @rule(who=st.integers(0, 1))
    def noop(self, who):
        if not self.watchers[who].idle:
            self.watchers[who].run("NOOP")

    @rule(who=st.integers(0, 1), how=st.sampled_from(SELECTED))
    def ask_again(self, who, how):
        """Another NOTIFY, without counters: nothing may be lost in between."""
        if not self.watchers[who].idle:
            self.watchers[who].listen()
            self.watchers[who].watch(how)

    @rule(
        who=st.integers(0, 1),
        verb=st.sampled_from(["CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"]),
        name=st.sampled_from(NAMES[1:]),
    )
    def change_own_names(self, who, verb, name):
        watcher = self.watchers[who]
        selected = watcher.selected
        if watcher.idle or (selected is not None and selected.name == name):
            return
        watcher.listen()
        if watcher.run(f"{verb} {name}").kind != "OK":
            return
        match verb:
            case "CREATE":
                levels = name.split("/")
                for depth in range(1, len(levels) + 1):
                    parent = "/".join(levels[:depth])
                    if parent == name or parent not in watcher.selectable:
                        watcher._add(parent)
                        watcher.subscribed.add(parent)
            case "DELETE":
                below = any(n.startswith(f"{name}/") for n in watcher.selectable)
                watcher._drop(name, keep_name=below)
            case "SUBSCRIBE":
                watcher.subscribed.add(name)
            case _:
                watcher.subscribed.discard(name)

    @rule(who=st.integers(0, 1), name=st.sampled_from(NAMES), seen=st.booleans())
    def append(self, who, name, seen):
        watcher = self.watchers[who]
        if watcher.idle:
            return
        watcher.listen()
        head = "(\\Seen) " if seen else ""
        status = watcher.run(f"APPEND {name} {head}{{3+}}\r\nabc")
        if status.kind != "OK":
            return
        assert isinstance(status.code, Code)
        assert isinstance(status.code.value, tuple)
        uid: int = status.code.value[1][0]
        selected = watcher.selected
        if selected is not None and not selected.gone and selected.name == name:
            watcher.run(f"UID FETCH {uid} (UID FLAGS)")
        else:
            watcher.appended(name, uid, seen=seen)

    @rule(who=st.integers(0, 1), uid=st.integers(1, 6), expunge=st.booleans())
    def store_own(self, who, uid, expunge):
        watcher = self.watchers[who]
        if watcher.idle or watcher.selected is None:
            return
        flag = "\\Deleted" if expunge else "\\Seen"
        watcher.run(f"UID STORE {uid}:{uid + 1} +FLAGS ({flag})")
        if expunge:
            watcher.run("EXPUNGE")

    # -- the proof

    @rule()
    def everything_is_true(self):
        for world in self.worlds:
            world.runtime.advance(6)
        for watcher in self.watchers:
            watcher.listen()
            if not watcher.idle:
                watcher.run("NOOP")
                watcher.listen()
            self._compare(watcher)

    def _compare(self, watcher: AccountMirror) -> None:
        truth = AccountMirror(self.stranger.session())
        truth.run('LIST "" "*" RETURN (SUBSCRIBED CHILDREN)')
        bare = {name for name, able in truth.selectable.items() if not able}
        truth.run('LIST (SUBSCRIBED) "" "*"')
        able = {name for name, able in truth.selectable.items() if able}
        assert {n for n, able in watcher.selectable.items() if able} == able
        assert bare <= watcher.selectable.keys()
        assert watcher.subscribed == truth.subscribed
        selected = watcher.selected
        for name in able:
            if selected is not None and not selected.gone and selected.name == name:
                self._compare_selected(watcher, truth, name)
            else:
                self._compare_counts(watcher, truth, name)
        if selected is not None and selected.gone:
            assert selected.uids == []
        truth.session.drop()

    def _compare_counts(self, watcher: Any, truth: AccountMirror, name: str) -> None:
        asked = f"STATUS {name} (MESSAGES UNSEEN UIDVALIDITY)".encode()
        (line,) = truth.session.ok(asked).of(StatusLine)
        known = watcher.counts[name]
        assert known.messages == line.items["MESSAGES"]
        assert known.unseen in (None, line.items["UNSEEN"])
        assert known.uidvalidity in (None, line.items["UIDVALIDITY"])

    def _compare_selected(
        self, watcher: AccountMirror, truth: AccountMirror, name: str
    ) -> None:
        truth.select(name)
        mine, true = watcher.selected, truth.selected
        assert mine is not None
        assert true is not None
        assert mine.uids == true.uids
        assert mine.flags == true.flags
        truth.run("UNSELECT")
        truth.selected = None

    def teardown(self) -> None:
        try:
            self.everything_is_true()
            for world in (*self.worlds, self.stranger):
                world.close()
            report = check(self.path)
            assert report.whole, report
        finally:
            for world in (*self.worlds, self.stranger):
                world.close()
            self._folder.cleanup()


Account.TestCase.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None
)
test_what_watchers_believe_is_true = Account.TestCase


# -- examples that were found


def test_what_came_before_another_notify_is_told_as_it_was_wanted():
    account = Account()
    account.arrive(who=2, name="INBOX", count=1)
    account.ask_again(who=0, how="selected")
    account.teardown()


def test_a_mailbox_that_had_the_name_of_the_selected_one_is_told_no_more():
    """A program replaced the mailbox that the client left, and then selects again."""
    account = Account()
    account.replace_a_mailbox(who=0, name="a/b")
    account.everything_is_true()
    account.replace_a_mailbox(who=2, name="d/e")
    account.replace_a_mailbox(who=0, name="a/b/c")
    account.leave_behind(who=1, by=1, name="a")
    account.arrive(who=0, name="a/b/c", count=3)
    account.replace_a_mailbox(who=2, name="a")
    account.append(who=1, name="d", seen=True)
    account.leave_behind(who=1, by=2, name="a")
    account.teardown()


def test_a_bare_name_that_is_a_mailbox_again_is_told_before_its_counts():
    """That it was made again was told to nobody: counts tell that it was."""
    account = Account()
    account.replace_a_mailbox(who=1, name="d/e")
    account.replace_a_mailbox(who=0, name="a")
    account.append(who=1, name="a", seen=False)
    account.replace_a_mailbox(who=0, name="a/b/c")
    account.change_own_names(who=0, verb="DELETE", name="d")
    account.append(who=1, name="a/b", seen=False)
    account.replace_a_mailbox(who=1, name="a")
    account.replace_a_mailbox(who=1, name="a")
    account.append(who=1, name="a/b/c", seen=False)
    account.replace_a_mailbox(who=1, name="d")
    account.replace_a_mailbox(who=1, name="d")
    account.transfer(who=0, name="a/b/c", to="d", verb="MOVE")
    account.teardown()


def test_another_mailbox_by_the_name_of_the_selected_one_is_told():
    """The selected one is gone; whoever leaves it knows nothing of the other."""
    account = Account()
    account.replace_a_mailbox(who=0, name="d/e")
    account.select(who=1, name="d/e")
    account.replace_a_mailbox(who=2, name="d/e")
    account.everything_is_true()
    account.select(who=1, name="a/b")
    account.teardown()


def test_a_namesake_is_told_of_before_a_mailbox_is_selected():
    """What becomes of the one that had the name isn't news of the selected one."""
    account = Account()
    account.replace_a_mailbox(who=1, name="a/b/c")
    account.rename(who=2, old="a/b", new="d/e")
    account.rename(who=2, old="d", new="a/b/c")
    account.leave_behind(who=1, by=1, name="a/b")
    account.close(who=1)
    account.teardown()


def test_what_another_notify_finds_is_told():
    account = Account()
    account.replace_a_mailbox(who=2, name="d")
    account.ask_again(who=0, how="selected-delayed")
    account.teardown()
