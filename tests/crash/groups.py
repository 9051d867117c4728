"""Many bring messages at the same time, and the disk fails for some of them.

Whoever is told that his messages are stored has to find them after a power cut,
whatever has happened to those whose messages were written and synced together with his;
of who is refused nothing is there.
"""

from __future__ import annotations

import errno
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

from mailstore.errors import StoreError
from mailstore.index.database import Database
from mailstore.lanes import Future
from mailstore.maintenance.check import check_account
from mailstore.model import Arrival
from mailstore.service.arrivals import AppendJob
from mailstore.service.folders import account_folder
from tests.crash.cut import NOTHING, Image
from tests.crash.disk import Disk, DiskFiles, recorded
from tests.crash.faults import (
    READING,
    SYNCING,
    WRITING,
    Failing,
    Fault,
    cases,
    copied,
)
from tests.crash.operations import LARGE, Bench

FAULTS = tuple(
    Fault(number, calls, forever)
    for number, calls in (
        (errno.EIO, WRITING),
        (errno.EIO, SYNCING),
        # What fails can't be cut off again either, and syncs work.
        (errno.EIO, WRITING - SYNCING),
        (errno.ENOSPC, WRITING - SYNCING),
        (errno.EIO, READING),
    )
    for forever in (False, True)
)
BROUGHT = (
    ("INBOX", (300, 2_500)),
    ("Sent", (2_500,)),
    ("INBOX", (300, LARGE)),
    ("INBOX", (2_500, 2_500)),  # the segment is full
    ("Sent", (300,)),
    ("INBOX", (LARGE,)),
)
"""Who brings what: a mailbox, and how many octets each of his messages has."""

Messages = Counter[tuple[str, bytes]]
"""Messages by mailbox and digest."""


class OfMessages(Failing):
    """Fails where messages are kept, and not in the index."""

    def __call__(self, what: str, role: str) -> None:
        if not _of_index(role):
            super().__call__(what, role)


class Groups:
    """The same messages come again and again to copies of one store."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template"
        with recorded(self._template) as disk:
            bench = Bench(self._template, DiskFiles(disk))
            bench.append(count=3)
            bench.close()

    def failing(self) -> list[Failing]:
        """Give all that can fail: anywhere, and where messages are kept alone."""
        calls: list[tuple[str, str]] = []
        with copied(self._template) as path, recorded(path) as disk:
            bench = Bench(path, DiskFiles(disk))
            disk.fault = lambda what, role: calls.append((what, role))
            answers = [_refusal(future) for _, future in _bring(bench)]
            disk.fault = lambda *_: None
            bench.close()
        assert not any(answers), "somebody is refused though nothing fails"
        of_all = [what for what, _ in calls]
        of_messages = [what for what, role in calls if not _of_index(role)]
        return [
            *(Failing(*case) for case in cases(FAULTS, of_all)),
            *(OfMessages(*case) for case in cases(FAULTS, of_messages)),
        ]

    def problems(self, chosen: Iterable[Failing]) -> Iterator[str]:
        """Bring the messages while something fails; tell which answer isn't true."""
        for failing in chosen:
            name = f"{type(failing).__name__}, {failing.fault}, call {failing.left}"
            with copied(self._template) as path:
                for problem in _problems(path, failing):
                    yield f"{name} of {sorted(failing.fault.calls)}: {problem}"


def _of_index(role: str) -> bool:
    return role.startswith("index.db")


def _bring(bench: Bench) -> list[tuple[Messages, Future[Any]]]:
    """Have all bring their messages in one group; gives what each waits for."""
    home = bench.home
    start, begun = home.runtime.start, list[Any]()
    brought = []
    with mock.patch.object(home.runtime, "start", lambda *work: begun.append(work)):
        for name, sizes in BROUGHT:
            texts = [bench.content(size) for size in sizes]
            job = AppendJob(name, [Arrival(text) for text in texts], 7, 10**6)
            messages = Counter((name, sha256(text).digest()) for text in texts)
            brought.append((messages, home.account.lane.submit(job)))
    (work,) = begun
    start(*work)
    return brought


def _refusal(future: Future[Any]) -> StoreError | None:
    """Give what somebody was told, who waits no longer; None: OK."""

    async def wait() -> StoreError | None:
        try:
            await future
        except StoreError as error:
            return error
        return None

    try:
        wait().send(None)
    except StopIteration as answered:
        refused: StoreError | None = answered.value
        return refused
    raise AssertionError("nobody has answered")


def _problems(path: Path, failing: Failing) -> Iterator[str]:
    with recorded(path) as disk, mock.patch("sys.unraisablehook"):
        bench = Bench(path, DiskFiles(disk))
        folder = account_folder(path, bench.home.id)
        bench.count = 10**6
        wanted = _stored(folder)
        disk.fault = failing
        brought = _bring(bench)
        disk.fault = lambda *_: None
        for messages, future in brought:
            if _refusal(future) is None:
                wanted += messages
        if _stored(folder) != wanted:
            yield "what is there is not what was answered"
        yield from _after_a_cut(bench, disk, wanted)
        bench.append()
        bench.close()
    yield from check_account(folder, thorough=True).problems


def _after_a_cut(bench: Bench, disk: Disk, wanted: Messages) -> Iterator[str]:
    """Cut the power: what was not synced is there no more."""
    image = Image()
    for entry in disk.log:
        image.feed(entry)
    left = bench.path.with_name("left")
    image.leave(left, NOTHING, random.Random(1))
    folder = account_folder(left, bench.home.id)
    Database.open(folder / "index.db").close()  # which recovers it
    if _stored(folder) != wanted:
        yield "after a power cut that is not there which was answered"
    for problem in check_account(folder, thorough=True).problems:
        yield f"after a power cut: {problem}"
    shutil.rmtree(left)


def _stored(folder: Path) -> Messages:
    """Give an account's messages as its index has them."""
    index = Database.open(folder / "index.db", writer=False)
    try:
        rows = index.all(
            "SELECT b.name, m.digest FROM entry e"
            " JOIN message m ON m.id = e.message JOIN mailbox b ON b.id = e.mailbox"
        )
        return Counter((name, digest) for name, digest in rows)
    finally:
        index.close()
