"""Threads over all mailboxes, found at arrival."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.index import threads
from mailstore.index.database import Database
from mailstore.index.threads import Linked
from mailstore.model import AccountId, FlagChange, FlagOperation
from mailstore.service.linking import Linking
from mailstore.service.object_ids import ObjectIds
from tests.mailstore.index.older import make_older
from tests.mailstore.index.records import new_index
from tests.mailstore.stores import Home, Statements

DAY = 86_400


def packed(*ids: int) -> bytes:
    return struct.pack(f"<{len(ids)}q", *ids)


def linked(message: int, own: int | None, *references: int) -> Linked:
    return Linked.of(message, own, packed(*references))


@pytest.fixture
def database(tmp_path):
    made: Database = new_index(tmp_path)
    yield made
    made.close()


def test_the_nearest_reference_counts(database):
    found = threads.assign(
        database,
        [
            linked(1, 10),
            linked(2, 20),
            linked(3, 30, 10, 20),
            linked(4, 40, 10, 99),
            linked(5, 50, 99),
            linked(6, None),
            linked(7, 60, 61),
        ],
    )
    assert found == [1, 2, 2, 1, 1, 6, 7]
    # Later ones know what the earlier ones have left.
    again = threads.assign(database, [linked(8, 61), linked(9, None, 50, 20)])
    assert again == [7, 2]


def test_an_id_that_two_messages_have_joins_them(database):
    assert threads.assign(database, [linked(1, 10), linked(2, 10)]) == [1, 1]


def test_only_the_nearest_of_many_references_are_looked_at():
    found = Linked.of(1, None, packed(*range(1, 5_000)))
    assert list(found.ids) == list(range(4_999, 4_899, -1))


def test_many_messages_cost_two_statements(database):
    many = [linked(at, at, at - 1) for at in range(1, 200)]
    with Statements(database) as sql:
        threads.assign(database, many)
    assert len({text for text in sql if "link" in text}) == 2


@given(
    st.lists(
        st.tuples(st.none() | st.integers(1, 9), st.lists(st.integers(1, 9))),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_it_does_not_matter_how_many_come_at_once(tmp_path_factory, mails, cut):
    """And a thread, once given, stays: the first batch is never looked at again."""
    given_ = [linked(at, own, *refs) for at, (own, refs) in enumerate(mails, 1)]
    found = []
    for batches in ([given_], [given_[:cut], given_[cut:]], [[one] for one in given_]):
        database = new_index(tmp_path_factory.mktemp("index"))
        found.append([t for batch in batches for t in threads.assign(database, batch)])
        database.close()
    assert found[0] == found[1] == found[2]
    assert all(thread <= at for at, thread in enumerate(found[0], 1))


def mail(own: str, *references: str) -> bytes:
    text = f"Message-ID: <{own}@x>\r\n"
    if references:
        text += "References: " + " ".join(f"<{one}@x>" for one in references) + "\r\n"
    return text.encode() + b"\r\nbody"


def thread_column(home):
    reader = home.account.readers.event
    return [row[0] for row in reader.all("SELECT thread FROM message ORDER BY id")]


def test_older_messages_are_linked_in_the_order_of_their_arrival(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", mail("a"), mail("b"), mail("c", "a"))
    home.append("Sent", mail("d", "b"))
    wanted = thread_column(home)
    home.close()
    for path in tmp_path.rglob("index.db"):
        make_older(path, 1)
    home = Home(tmp_path)
    assert thread_column(home) == [None] * 4
    linking: Linking = home.account.late.linking
    home.run(linking.finish())
    assert thread_column(home) == wanted == [1, 2, 1, 2]
    home.append("INBOX", mail("e", "c"))
    assert thread_column(home)[-1] == 1
    with Statements(home.account.readers.event) as sql:
        home.run(linking.finish())
    assert sql == []
    home.close()


def test_links_end_with_the_last_message_of_a_thread(tmp_path):
    delete = FlagChange(FlagOperation.ADD, ("\\Deleted",))
    home = Home(tmp_path)
    home.append("INBOX", mail("a"), mail("b", "a"), mail("c"))
    mailbox = home.open()
    home.run(mailbox.store_flags([1, 3], delete, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())
    home.run(mailbox.close())
    home.runtime.time += 30 * DAY
    home.run(home.account.purge())
    reader = home.account.readers.event
    assert {row[0] for row in reader.all("SELECT thread FROM link")} == {1}
    # The thread goes on under its name, though its first message is gone.
    home.append("INBOX", mail("d", "a"))
    assert thread_column(home) == [1, 1]
    home.close()


def test_links_of_many_threads_are_dropped_by_one_statement(database):
    with database.transaction():
        threads.assign(database, [linked(at, at) for at in range(1, 400)])
    with Statements(database) as sql:
        threads.forget(database, range(1, 300))
        threads.forget(database, ())
    assert len(sql) == 1
    assert database.all("SELECT min(thread), count(*) FROM link") == [(300, 100)]


def test_identifiers_are_read_as_they_are_written():
    ids = ObjectIds("0123456789abcdef", AccountId("1"))
    assert ids.email_number(ids.email(26)) == 26
    assert ids.thread_number(ids.thread(2**40)) == 2**40
    for text in (
        "",
        "M",
        ids.thread(26),
        ids.email(26).upper(),
        ids.email(26) + "-",
        "M0123456789abcdef-01",
        "M0123456789abcdee-1",
        "M0123456789abcdef--1",
        "M0123456789abcdef-" + "f" * 16,  # more than the index takes
    ):
        assert ids.email_number(text) is None  # fmt: skip
