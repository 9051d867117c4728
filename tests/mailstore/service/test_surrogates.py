from __future__ import annotations

import pytest

from mailstore.errors import NotFound
from mailstore.index import surrogates
from mailstore.mime.downgrade import downgraded, edits
from mailstore.model import Column, FlagChange, FlagOperation
from mailstore.service.surrogates import Surrogates
from tests.mailstore.index.older import make_older
from tests.mailstore.stores import Home, Statements

MAIL = "Subject: é\r\n\r\nbody\r\n".encode()
ASCII = b"".join(downgraded(MAIL, edits(MAIL)))
DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
TOGETHER = (Column.SIZE, Column.BLOB, Column.ENVELOPE)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def fetch(home, mailbox, *columns):
    async def collect():
        found = mailbox.fetch(mailbox.uids, columns, ascii_headers=True)
        return [batch async for batch in found]

    (batch,) = home.run(collect())
    return batch.columns


def test_ordinary_mail_costs_one_statement_once(home):
    home.append("INBOX", b"Subject: a\r\n\r\n", b"Subject: b\r\n\r\n")
    mailbox = home.open()
    with Statements(home.account.readers.event) as ran:
        fetch(home, mailbox, Column.SIZE, Column.FLAGS)
        fetch(home, mailbox, Column.SIZE)
    assert len([sql for sql in ran if "surrogate" in sql]) == 1


def test_columns_without_octets_ask_for_nothing(home):
    home.append("INBOX", MAIL)
    mailbox = home.open()
    with Statements(home.account.readers.event) as ran:
        fetch(home, mailbox, Column.FLAGS, Column.MODSEQ)
    assert ran == []


def test_a_blob_is_read_through_its_edits(home):
    home.append("INBOX", b"Subject: a\r\n\r\n", MAIL)
    mailbox = home.open()
    columns = fetch(home, mailbox, *TOGETHER)
    assert columns[Column.SIZE][1] == len(ASCII)
    with mailbox.blob(columns[Column.BLOB][1]) as blob:
        assert blob.pread(0, blob.size) == ASCII
    (plain,) = home.fetch(mailbox, [2], Column.BLOB)
    with mailbox.blob(plain.columns[Column.BLOB][0]) as blob:
        assert blob.pread(0, blob.size) == MAIL


def test_a_purge_forgets_it(home):
    home.append("INBOX", MAIL)
    mailbox = home.open()
    columns = fetch(home, mailbox, Column.BLOB)
    home.run(mailbox.store_flags([1], DELETE, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())
    home.run(mailbox.close())
    home.runtime.time += 100 * 86_400
    home.run(home.account.purge())
    assert surrogates.sizes(home.account.readers.event, 0, 100) == []
    with pytest.raises(NotFound):
        mailbox.blob(columns[Column.BLOB][0])


def test_mail_of_an_older_program_is_served_as_it_came(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", MAIL)
    home.close()
    for path in tmp_path.rglob("index.db"):
        make_older(path, 7)
    home = Home(tmp_path)
    home.append("INBOX", MAIL)
    assert fetch(home, home.open(), Column.SIZE)[Column.SIZE] == [len(MAIL), len(ASCII)]
    home.close()


def test_it_learns_of_others_in_the_order_of_their_ids(home):
    home.append("INBOX", b"Subject: a\r\n\r\n")
    mailbox = home.open()
    fetch(home, mailbox, Column.SIZE)
    home.append("INBOX", MAIL)
    assert fetch(home, mailbox, Column.SIZE)[Column.SIZE][1] == len(ASCII)
    own = Surrogates(home.account.readers.event, home.account.versions)
    (batch,) = home.fetch(mailbox, [1, 2], *TOGETHER)
    assert own.put_into(batch).columns[Column.SIZE] == [
        batch.columns[Column.SIZE][0],
        len(ASCII),
    ]


@pytest.mark.parametrize("near", [0, 8])
def test_it_learns_of_each_block_that_is_asked_for(home, monkeypatch, near):
    monkeypatch.setattr("mailstore.service.surrogates._BLOCK", 1)
    monkeypatch.setattr("mailstore.service.surrogates._NEAR", near)
    for number in range(8):
        home.append("INBOX", b"Subject: a\r\n\r\n" if number % 3 else MAIL)
    mailbox = home.open()
    own = Surrogates(home.account.readers.event, home.account.versions)
    for uids in ([7], [2, 4], [1, 7, 8], [5], list(range(1, 9))):
        (batch,) = home.fetch(mailbox, uids, *TOGETHER)
        sizes = own.put_into(batch).columns[Column.SIZE]
        wanted = [uid for uid in uids if uid in (1, 4, 7)]
        assert [
            u for u, n in zip(uids, sizes, strict=True) if n == len(ASCII)
        ] == wanted
