"""Messages that are put into other mailboxes too, seen by who has these open."""

from __future__ import annotations

import pytest

from mailstore.errors import NotPermitted, ReadOnly, Unavailable
from mailstore.model import Column, Filing, Label, SpecialUse
from mailstore.service.filing import MailboxLabels
from mailstore.service.readonly import ReadOnlyAccount
from tests.mailstore.stores import Home


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store")
    yield made
    made.close()


def file(home, mailbox, uids, **what):
    return home.run(mailbox.labels.file(uids, Filing(**what), seen_at=mailbox.modseq))


def labels(home, mailbox):
    found: dict[int, list[Label]] = {}
    for batch in home.fetch(mailbox, mailbox.uids, Column.LABELS):
        rows = zip(batch.uids, batch.columns[Column.LABELS], strict=True)
        found.update((uid, list(some)) for uid, some in rows)
    return found


def test_they_are_the_owners(home):
    found = home.open().labels
    assert isinstance(found, MailboxLabels)
    assert found.owner == home.account.id


def test_all_who_look_are_told(home):
    home.append("INBOX", b"a", b"b")
    inbox, sent = home.open(), home.open("Sent")
    done = file(home, inbox, [1, 2, 9], add=("Sent", "New"))
    assert list(done.missing) == [9]
    assert list(done.uids) == [1, 2]
    assert list(sent.uids) == [1, 2]
    both = [Label("New"), Label("Sent", SpecialUse.SENT)]
    assert labels(home, inbox) == {1: both, 2: both}
    file(home, inbox, [1], only=True)
    assert list(sent.uids) == [2]
    assert labels(home, inbox) == {1: [], 2: both}
    assert list(file(home, inbox, [9], add=("Sent",)).missing) == [9]


def test_who_may_only_read_files_nothing(home):
    home.append("INBOX", b"a")
    account = ReadOnlyAccount(home.account)
    mailbox = home.run(account.open("INBOX"))
    with pytest.raises(ReadOnly):
        file(home, mailbox, [1], add=("Sent",))
    mailbox.readonly = False
    with pytest.raises(NotPermitted):
        file(home, mailbox, [1], add=("Sent",))


def test_a_full_disk_takes_no_copies(home, monkeypatch):
    home.append("INBOX", b"a")
    mailbox = home.open()

    def full(_: int) -> None:
        raise Unavailable

    monkeypatch.setattr(home.account, "check_space", full)
    with pytest.raises(Unavailable):
        file(home, mailbox, [1], add=("Sent",))
    assert labels(home, mailbox) == {1: []}
