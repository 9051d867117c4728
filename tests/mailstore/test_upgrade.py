"""A store of an older program opens, and is as right as a new one."""

from __future__ import annotations

import hashlib
from functools import partial

from mailstore.model import Column, FlagChange, FlagOperation
from tests.mailstore.index.older import make_older
from tests.mailstore.stores import Home

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))


def older(folder, version=1):
    """Close a store and have it as a version of the index had it; gives it open."""
    for path in folder.rglob("index.db"):
        make_older(path, version)
    return Home(folder)


def test_facts_that_an_older_program_did_not_keep_are_found(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\nfirst", b"Subject: b\r\n\r\nsecond")
    mailbox = home.open()
    home.run(mailbox.store_flags([2], DELETE, seen_at=mailbox.modseq))
    watching = home.open()
    home.run(mailbox.expunge())
    home.close()
    home = older(tmp_path)
    mailbox = home.open()
    assert list(mailbox.uids) == [1]
    wanted = (Column.PREVIEW_READY, Column.PREVIEW, Column.SHA1, Column.SAVED)
    (batch,) = home.fetch(mailbox, [1], *wanted)
    digest = hashlib.sha1(b"Subject: a\r\n\r\nfirst").hexdigest().encode()
    assert [batch.columns[column] for column in wanted] == [
        [None],
        [b'"first"'],
        [digest],
        [home.runtime.now()],
    ]
    (batch,) = home.fetch(mailbox, [1], Column.PREVIEW_READY)
    assert batch.columns[Column.PREVIEW_READY] == [b'"first"']
    home.append("INBOX", b"Subject: c\r\n\r\nthird")
    (batch,) = home.fetch(mailbox, [3], Column.PREVIEW_READY)
    assert batch.columns[Column.PREVIEW_READY] == [b'"third"']
    assert watching.uidnext == 3
    home.close()


def test_an_older_directory_takes_annotations(tmp_path):
    home = Home(tmp_path)
    home.close()
    make_older(tmp_path / "directory.db", 2, "directory")
    home = Home(tmp_path)
    server = home.store.directory.metadata
    put = partial(server.set, home.id, admin=True, now=0, octets=100, most=10)
    assert home.run(put({"/shared/comment": b"hello"})) == 1
    assert server.get(home.id, ["/shared/comment"]) == [("/shared/comment", b"hello")]
    home.close()
