"""Repairs and restores while sessions of several workers have the mailbox selected.

One session idles, one changes flags, one appends; all of them in two workers. Whatever
is damaged and set right beneath them: a UID stands for one message for ever, in every
session and behind every repair (RFC 3501 §2.3.1.1), none is given twice, and in the end
each session has the mailbox as a new one sees it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import apsw
import pytest

from tests.process.test_serve import at_worker, children
from tests.support.client import Client, Refused
from tests.support.responses import Fetch
from tests.support.server import ROOT, ServerProcess, running_server

pytestmark = [pytest.mark.net, pytest.mark.workers]

_MOST = 40  # messages that come while a program runs
PROGRAM = (sys.executable, "-m", "imapd")
SUBJECT = re.compile(rb"Subject: (\S+)\r\n")
FETCH = "UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"


class Scene:
    """Sessions in two workers, and what they were told of messages."""

    def __init__(self, server: ServerProcess, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack
        self._connect()
        self.count = 0
        self.meant: dict[tuple[int, int], bytes] = {}  # UIDVALIDITY, UID: its subject
        for _ in range(20):
            self.append()
        assert len(self.meant) == 20
        ((self.validity, _), *_) = self.meant
        for client in self.clients:
            client.select()

    def _connect(self) -> None:
        first, second = children(self.server.process.pid)
        self.clients = [
            self._stack.enter_context(at_worker(self.server, pid))
            for pid in (first, second, second)
        ]
        self.writer, self.idler, self.flagger = self.clients

    def are_sent_away(self) -> None:
        """See that each session ends; then connect again."""
        for client in self.clients:
            answer = client.command("NOOP")
            assert (answer.kind, answer.code) == ("BYE", "UNAVAILABLE"), answer.status
        self._connect()
        for client in self.clients:
            client.select()

    def append(self) -> None:
        """Append a message, if it is taken; its UID has never been another one's."""
        self.count += 1
        mark = b"m%d" % self.count
        try:
            given = self.writer.append(b"Subject: %b\r\n\r\nx\r\n" % mark, "INBOX")
        except Refused:
            return
        assert given not in self.meant
        self.meant[given] = mark

    def spoil(self, *statements: str) -> None:
        (path,) = (self.server.folder / "store").rglob("index.db")
        with closing(apsw.Connection(str(path))) as index:
            index.set_busy_timeout(10_000)
            for one in statements:
                index.execute(one)

    def during(self, *arguments: str, code: int = 0) -> None:
        """Run a program while the sessions work; what they change may be refused."""
        with (
            subprocess.Popen(
                [*PROGRAM, *arguments, "--config", self.server.config],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
            ) as program,
            self.idler.idle(),
        ):
            end = self.count + _MOST
            while program.poll() is None:
                if self.count < end:
                    self.append()
                self.flagger.command(r"UID STORE 1:* +FLAGS (\Flagged)")
                self.flagger.command(r"UID STORE 1:* -FLAGS.SILENT (\Flagged)")
            told, _ = program.communicate()
            assert program.returncode == code, told

    def settle(self, *, gone: bool = False) -> None:
        """See that all is what it was, and that each session has what a new one has.

        Unless the mailbox that they have selected is ``gone``.
        """
        with self.server.client() as fresh:
            validity = fresh.select().code_value("UIDVALIDITY", int)
            there = messages(fresh)
        for uid, (subject, _) in there.items():
            assert self.meant.setdefault((validity, uid), subject) == subject
        for client in self.clients:
            client.ok("NOOP")
            found = messages(client)
            assert gone or found == there
            for uid, (subject, _) in found.items():
                assert self.meant[self.validity, uid] == subject
        self.server.imapd("check")


def messages(client: Client) -> dict[int, tuple[bytes, frozenset[str]]]:
    """Read all, by UID."""
    found = {}
    for one in client.ok(FETCH).of(Fetch):
        (text,) = [value for key, value in one.items.items() if key.startswith("BODY")]
        assert isinstance(text, bytes)
        match = SUBJECT.match(text)
        assert match is not None
        uid, flags = one.items["UID"], one.items["FLAGS"]
        assert isinstance(uid, int)
        assert isinstance(flags, frozenset)
        found[uid] = (match[1], flags - {"\\Recent"})
    return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with (
        running_server(tmp_path, arguments=("--workers", "2")) as server,
        ExitStack() as stack,
    ):
        yield Scene(server, stack)
        # What was damaged is told, by whoever came upon it, and nothing else.
        for line in server.log_errors():
            assert "the mailbox index is damaged" in line
        server.log_file.write_text("")


DAMAGES = (
    "UPDATE mailbox SET messages = 7, unseen = 1 WHERE id = 1",
    "UPDATE flag_block SET octets = x'00' WHERE mailbox = 1",
    "DELETE FROM flag_block WHERE mailbox = 1",
    (
        "INSERT INTO flag_block SELECT mailbox, block + 1, modseq, octets"
        " FROM flag_block WHERE mailbox = 1 ORDER BY block DESC LIMIT 1"
    ),
    "UPDATE mailbox SET uidnext = 3 WHERE id = 1",
    "DELETE FROM message WHERE id = 3",
    "UPDATE message SET digest = x'00' WHERE id = 6",
    "UPDATE entry SET zone = 'x' WHERE mailbox = 1 AND uid = 8",
    "UPDATE entry SET uid = 'x' WHERE mailbox = 1 AND uid = 9",
    "UPDATE mailbox SET uidvalidity = 1",
)


def test_repairs_show_nobody_another_message(scene):
    for damage in DAMAGES:
        scene.spoil(damage)
        scene.during("check", "--repair")
        scene.settle()


def test_who_could_never_hear_of_anything_again_is_sent_away(scene):
    for _ in range(2):
        scene.spoil("UPDATE mailbox SET highestmodseq = 1 WHERE id = 1")
        scene.are_sent_away()
        scene.during("check", "--repair")
        scene.settle()


def test_a_mailbox_that_lost_its_row_is_another_one(scene):
    scene.spoil("DELETE FROM mailbox WHERE id = 1")
    scene.during("check", "--repair")
    scene.settle(gone=True)
    for client in scene.clients:
        scene.validity = client.select().code_value("UIDVALIDITY", int)
    scene.append()
    scene.settle()


def test_a_restore_shows_nobody_another_message(scene, tmp_path):
    backup = str(tmp_path / "backup")
    scene.during("backup", backup)
    scene.flagger.ok(r"UID STORE 1:10 +FLAGS (\Deleted)")
    scene.flagger.ok("UID EXPUNGE 1:10")
    scene.during("restore", backup, "--account", "alice")
    scene.settle()
    scene.flagger.ok(r"UID STORE 11:15 +FLAGS (\Deleted)")
    scene.flagger.ok("EXPUNGE")
    scene.during("restore", backup, "--account", "alice", "--replace", "--yes")
    scene.settle()
