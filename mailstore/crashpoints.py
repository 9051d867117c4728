"""Numbered places at which a test may have the process killed.

Each is between two steps of which a crash may leave the first without the second. With
``IMAPD_CRASH_POINT=7:3`` in the environment the process kills itself (SIGKILL) when it
is at place 7 for the third time; without it `reached` is an empty function. Only tests
set it: ``python -m tests.crash kill`` kills servers at all of them.
"""

from __future__ import annotations

import enum
import itertools
import os
import signal
from collections.abc import Callable, Mapping

VARIABLE = "IMAPD_CRASH_POINT"


class CrashPoint(enum.IntEnum):
    """What was done last, and what not yet."""

    SPOOLING = 1  # a part of a large message is in the spool
    RECORD_WRITTEN = 2  # a record is in its segment, not synced
    SEGMENT_SYNCED = 3  # its bytes are durable, a new segment's name is not
    FILE_SYNCED = 4  # a large message is durable, without its final name
    FILE_NAMED = 5  # it has its name, which is not durable
    BLOBS_DURABLE = 6  # messages are durable, their transaction has not begun
    JOBS_DONE = 7  # a transaction has done its work and is not committed
    COMMITTED = 8  # it is committed; nobody knows of it
    PUBLISHED = 9  # sessions and other workers know; who wrote has no answer
    CHECKPOINTING = 10  # the log is about to be moved into the database
    CHECKPOINTED = 11  # it was
    LIVING_COPIED = 12  # a dying segment's messages are in another, not synced
    SEGMENT_DROPPED = 13  # a segment without a living message is gone, others not
    FILE_DROPPED = 14  # so is the file of a large one
    SPOOL_SWEPT = 15  # so is what an earlier crash left in the spool
    SNAPSHOT_WRITTEN = 16  # the copy before a migration is written, without its name
    SNAPSHOT_TAKEN = 17  # it has its name; the migration has not begun
    MIGRATED = 18  # the steps of a migration are done and not committed
    ACCOUNT_FORGOTTEN = 19  # the directory does not know an account, its mail is there
    FOLDER_RENAMED = 20  # an account's folder has the name of one that is to go
    FOLDER_GONE = 21  # it is gone, and the directory does not know that
    PACK_WRITTEN = 22  # a backup has a message in its pack, not synced
    PACK_SYNCED = 23  # a pack of a backup is durable, its list is that of before
    FILE_WRITTEN = 24  # a file of a backup is durable, without its name
    ACCOUNT_COPIED = 25  # all of an account is in the backup, which names it nowhere
    ACCOUNTS_COPIED = 26  # all that a point names is durable, there is no point
    POINT_FORGOTTEN = 27  # a point is gone, and what it alone named is there
    PACK_COPIED = 28  # what lives in a dying pack is in another one, synced
    PACK_DROPPED = 29  # a dying pack is gone, its list is not


def reach(environment: Mapping[str, str]) -> Callable[[CrashPoint], None]:
    """Give what is to be called at each place."""
    wanted = environment.get(VARIABLE)
    if wanted is None:
        return _nothing
    number, _, times = wanted.partition(":")
    fatal = CrashPoint(int(number))
    last = int(times or 1)
    visits = itertools.count(1)

    def reached(point: CrashPoint) -> None:
        if point is fatal and next(visits) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def _nothing(_: CrashPoint) -> None:
    pass


reached = reach(os.environ)
"""Say that the process is at a place."""
