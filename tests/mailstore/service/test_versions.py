"""What one look at the index tells all caches of an account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstore.index import mailboxes
from mailstore.model import MailboxId
from tests.mailstore.stores import Home, Statements

MESSAGE = b"Subject: one\r\n\r\ntext\r\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def test_a_mailboxs_mod_sequence_comes_with_what_is_looked_at(home: Home) -> None:
    reader, versions = home.account.readers.event, home.account.versions
    inbox, trash = (home.account.opened.row(name).id for name in ("INBOX", "Trash"))

    def highest(mailbox: MailboxId) -> int | None:
        found = versions.highestmodseq(mailbox)
        assert found == mailboxes.highestmodseq(reader, mailbox)
        return found

    before = highest(trash), highest(inbox)
    home.append("INBOX", MESSAGE)
    versions.look()
    with Statements(reader) as statements:
        after = versions.highestmodseq(inbox)
    assert not [sql for sql in statements if "highestmodseq" in sql]
    assert highest(inbox) == after != before[1]
    assert highest(trash) == before[0]
    assert versions.highestmodseq(MailboxId(4_711)) is None
