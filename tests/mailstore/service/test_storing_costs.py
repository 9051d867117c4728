"""What a change of flags costs in the database: statements, rows, pages."""

from __future__ import annotations

import pytest

from mailstore.index.blocks import block_of
from mailstore.index.database import Database
from mailstore.index.flags import store_flags
from mailstore.index.selection import Selection
from mailstore.model import FlagChange, FlagOperation
from tests.mailstore.index.records import add, mailbox_id, new_index
from tests.mailstore.stores import Statements

ADD, REMOVE = FlagOperation.ADD, FlagOperation.REMOVE
MANY = 1_000


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path)
    add(made, "INBOX", *([()] * MANY))
    yield made
    made.close()


def cost(
    database: Database, high: int, operation: FlagOperation, *flags: str
) -> tuple[int, int, int]:
    """Change messages 1 to ``high``; gives statements, rows changed, pages logged."""
    mailbox = mailbox_id(database)
    database.checkpoint()
    database.wal_pages = 0
    with Statements(database) as statements:
        before = database.connection.total_changes()
        with database.transaction():
            store_flags(
                database,
                mailbox,
                Selection(((1, high),)),
                FlagChange(operation, flags),
                unchanged_since=None,
                seen_at=1 << 60,
            )
        rows = database.connection.total_changes() - before
    return len(statements) - 2, rows, database.wal_pages  # but for BEGIN and COMMIT


def test_one_message_is_one_row_of_its_own_and_one_of_its_mailbox(database):
    assert cost(database, 1, ADD, "\\Flagged") == (3, 2, 2)
    assert cost(database, 1, ADD, "\\Seen") == (3, 2, 2)
    # Nothing to change: nothing is written.
    assert cost(database, 1, ADD, "\\Seen") == (1, 0, 0)


def test_all_messages_are_a_row_for_512_of_them(database):
    rows = block_of(MANY) + 1
    each = 2 + rows, rows + 1, 2  # one that reads, one for each row
    assert cost(database, MANY, ADD, "\\Flagged") == each
    assert cost(database, MANY, ADD, "\\Seen") == each
    assert cost(database, MANY, REMOVE, "\\Seen", "\\Flagged") == each
    assert cost(database, MANY, REMOVE, "\\Seen") == (1, 0, 0)


def test_flags_that_differ_take_no_more_rows(database):
    for uid in range(1, MANY, 7):
        cost(database, uid, ADD, "\\Flagged" if uid % 2 else "k")
    statements, rows, pages = cost(database, MANY, ADD, "\\Answered")
    assert (statements, rows) == (4, 3)
    assert pages <= 3
