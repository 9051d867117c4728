"""Delivery: where addresses lead, one message for many, nothing twice, nothing lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailstore.blobs import Spool
from mailstore.delivery import MAX_PLACES, Delivery, Incoming, Recipient, Result
from mailstore.errors import (
    NotFound,
    NotPermitted,
    OverQuota,
    TooBig,
    TooMany,
    Unavailable,
)
from mailstore.index import delivered
from mailstore.index.database import Database
from mailstore.mime.ingest import behind_fields, ingest
from mailstore.model import Column
from mailstore.quotas import QuotaLimits
from mailstore.service import DeliveryOptions, Store, StoreOptions
from mailstore.service.delivering import AGAIN_SECONDS, Memory, Wish
from tests.mailstore.mime.corpus import OWN
from tests.support.furnished import CHEAP, Clocked

HI = b"Subject: hi\r\nMessage-ID: <1@example.net>\r\n\r\nhi\r\n"
FIELDS = b"Return-Path: <x>\r\nReceived: from a\r\n\tby b\r\n"


class Office:
    """A store with people, and its delivery."""

    def __init__(self, path: Path, **delivery: Any) -> None:
        self.runtime = Clocked()
        directory = dataclasses.replace(CHEAP, default_domain="example.org")
        self.options = StoreOptions(
            directory=directory,
            free_space_floor=0,
            max_message=2_000_000,
            delivery=DeliveryOptions(**delivery),
        )
        self.store = Store.open(path, self.runtime, options=self.options)
        self.directory = self.store.directory
        self.ids = {name: self.directory.create(name, None) for name in ("ann", "bob")}
        self.delivery = Delivery(self.store, self.runtime, lambda name: name)

    def choose(self, **delivery: Any) -> None:
        options = DeliveryOptions(**delivery)
        self.store.use(dataclasses.replace(self.options, delivery=options))

    def where(self, address: str) -> list[tuple[str, str | None]]:
        names = {id_: name for name, id_ in self.ids.items()}
        found = self.delivery.recipient(address).places
        return [(names[place.account], place.detail) for place in found]

    def take(self, message: bytes = HI) -> Incoming:
        incoming = self.delivery.begin()
        incoming.write(message)
        incoming.finish()
        self.runtime.run(self.delivery.hops(incoming))
        return incoming

    def deliver(
        self, *addresses: str, message: bytes = HI, together: bool = False
    ) -> list[Result]:
        recipients = [self.delivery.recipient(one) for one in addresses]
        incoming = self.take(message)

        def fields(recipient: Recipient) -> bytes:
            return f"Delivered-To: {recipient.address}\r\n".encode() + FIELDS

        try:
            return self.runtime.run(
                self.delivery.deliver(incoming, recipients, fields, together=together)
            )
        finally:
            incoming.close()

    def stored(self, name: str, mailbox: str = "INBOX") -> list[bytes]:
        async def work() -> list[bytes]:
            account = await self.store.account(self.ids[name])
            opened = await account.open(mailbox)
            found = []
            async for batch in opened.fetch(opened.uids, (Column.BLOB,)):
                for ref in batch.columns[Column.BLOB]:
                    with opened.blob(ref) as reader:
                        found.append(reader.pread(0, reader.size))
            await opened.close()
            await account.close()
            return found

        return self.runtime.run(work())


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "store")
    yield made
    made.store.close()


def test_addresses_lead_to_accounts_whatever_their_case(office: Office):
    for address in ("ann", "ANN@example.org", "ann@EXAMPLE.org"):
        assert office.where(address) == [("ann", None)]
    for nobody in ("carl", "ann@elsewhere.example", "", "@example.org", "a\x00b"):
        with pytest.raises(NotFound):
            office.where(nobody)


def test_aliases_domains_and_the_catch_all(office: Office):
    addresses = office.directory.addresses
    addresses.add_alias("sales@example.org", office.ids["ann"])
    addresses.add_alias("sales@example.org", office.ids["bob"])
    addresses.add_domain("example.org")
    addresses.add_domain("example.com", "example.org")
    both = [("ann", None), ("bob", None)]
    assert sorted(office.where("sales@example.org")) == both
    assert sorted(office.where("Sales@example.com")) == both
    assert office.where("ann@example.com") == [("ann", None)]
    addresses.add_alias("@example.org", office.ids["bob"])
    for anybody in ("carl@example.org", "carl+x@example.com"):
        assert office.where(anybody) == [("bob", None)]
    assert office.where("ann+x@example.org") == [("ann", "x")]


def test_the_longest_address_that_is_somebodys_comes_first(office: Office):
    office.choose(separators="+-")
    office.ids["ann-marie"] = office.directory.create("ann-marie", None)
    assert office.where("ann+a+b@example.org") == [("ann", "a+b")]
    assert office.where("ann-marie@example.org") == [("ann-marie", None)]
    assert office.where("ann-marie-x@example.org") == [("ann-marie", "x")]
    assert office.where("ann-x@example.org") == [("ann", "x")]
    assert office.where("ann+") == [("ann", None)]
    office.choose(separators="")
    with pytest.raises(NotFound):
        office.where("ann+x@example.org")


def test_a_group_is_the_address_of_its_members(office: Office):
    office.directory.groups.add("staff")
    for name in ("ann", "bob"):
        office.directory.groups.join("staff", office.ids[name])
    assert sorted(office.where("staff+x@example.org")) == [("ann", "x"), ("bob", "x")]
    (result,) = office.deliver("staff@example.org")
    assert len(result.done) == 2
    assert len(office.stored("ann")) == len(office.stored("bob")) == 1
    office.choose(groups=False)
    with pytest.raises(NotFound):
        office.where("staff@example.org")


def test_disabled_accounts_take_nothing(office: Office):
    office.directory.addresses.add_alias("both", office.ids["ann"])
    office.directory.addresses.add_alias("both", office.ids["bob"])
    office.directory.set_disabled("ann", disabled=True)
    assert office.where("both") == [("bob", None)]
    with pytest.raises(NotPermitted):
        office.where("ann")


def test_a_group_that_is_too_large_is_refused_as_a_whole(office: Office, monkeypatch):
    monkeypatch.setattr("mailstore.delivery.MAX_PLACES", 1)
    assert MAX_PLACES == 1_000
    office.directory.addresses.add_alias("both", office.ids["ann"])
    office.directory.addresses.add_alias("both", office.ids["bob"])
    with pytest.raises(TooMany):
        office.where("both")


def test_a_message_is_stored_behind_its_fields_for_each(office: Office):
    results = office.deliver("ann", "bob@example.org")
    assert [result.failures for result in results] == [(), ()]
    assert office.stored("ann") == [b"Delivered-To: ann\r\n" + FIELDS + HI]
    assert office.stored("bob") == [b"Delivered-To: bob@example.org\r\n" + FIELDS + HI]


def test_a_message_is_looked_at_once_and_large_ones_are_spooled(
    office: Office, monkeypatch
):
    looks = []

    def look(data: Any, outline: Any) -> Any:
        looks.append(len(data))
        assert outline is not None
        return ingest(data, outline)

    monkeypatch.setattr("mailstore.delivery.ingest", look)
    message = HI + b"x" * 1_500_000 + b"\r\n"
    office.deliver("ann", "bob", "ann+Sent", message=message)
    assert looks == [len(message)]
    assert office.stored("bob") == [b"Delivered-To: bob\r\n" + FIELDS + message]
    assert len(office.stored("ann", "Sent")) == 1
    assert list((office.store.path / "spool").iterdir()) == []


@pytest.mark.parametrize("address", ["ann", "jürgen"])
@pytest.mark.parametrize("subject", [b"plain", "grüße".encode(), b"\xff"])
def test_headers_in_utf_8_are_kept_and_can_be_downgraded(
    office: Office, address: str, subject: bytes
):
    office.ids["jürgen"] = office.directory.create("jürgen", None)
    message = b"Subject: %b\r\nFrom: a@b\r\n\r\nhi\r\n" % subject
    (result,) = office.deliver(address, message=message)
    assert result.failures == ()
    (stored,) = office.stored(address)
    assert stored.endswith(FIELDS + message)
    assert ("Delivered-To: " + address).encode() in stored


def test_a_detail_names_a_mailbox_or_is_passed_over(office: Office):
    for detail, mailbox in (("Sent", "Sent"), ("sent", "Sent"), ("none", "INBOX")):
        (result,) = office.deliver(f"ann+{detail}")
        assert [one.mailbox for one in result.done] == [mailbox]
    office.choose(create_mailboxes=True)
    (result,) = office.deliver("ann+lists/python")
    assert [one.mailbox for one in result.done] == ["lists/python"]
    assert len(office.stored("ann", "lists/python")) == 1


@pytest.mark.parametrize(
    "detail",
    ["Shared", "Shared/Team", "Other Users/bob/x", "Deleted", "Deleted/INBOX"],
)
def test_no_address_makes_a_mailbox_that_hides_somebody_elses(
    office: Office, detail: str
):
    """Nor one in which what was removed is shown, and which can only be read."""
    office.choose(create_mailboxes=True)
    options = office.store.options
    shown = dataclasses.replace(options.namespaces, deleted="Deleted")
    office.store.use(dataclasses.replace(options, namespaces=shown))
    (result,) = office.deliver(f"ann+{detail}")
    assert [one.mailbox for one in result.done] == ["INBOX"]


def test_a_message_id_that_comes_again_is_dropped_if_that_is_wanted(office: Office):
    office.deliver("ann")
    office.deliver("ann")
    assert len(office.stored("ann")) == 2
    office.choose(duplicate_seconds=100)
    office.deliver("ann")
    (again,) = office.deliver("ann", message=HI + b"another body\r\n")
    assert [one.uid for one in again.done] == [0]
    assert len(office.stored("ann")) == 3
    office.deliver("ann+Sent")  # another mailbox
    assert len(office.stored("ann", "Sent")) == 1
    office.deliver("ann", message=b"Subject: none\r\n\r\n")
    office.deliver("ann", message=b"Subject: none\r\n\r\n")
    assert len(office.stored("ann")) == 5
    office.runtime.time += 101
    office.deliver("ann")
    assert len(office.stored("ann")) == 6


def fail_for(office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    real = Store.account

    async def account(self: Store, id_: Any, **how: Any) -> Any:
        if id_ == office.ids["bob"]:
            raise error
        return await real(self, id_, **how)

    monkeypatch.setattr(Store, "account", account)


def test_one_failure_is_of_one_recipient_alone(office: Office, monkeypatch):
    fail_for(office, monkeypatch, Unavailable())
    ann, bob = office.deliver("ann", "bob")
    assert (len(ann.done), ann.failures) == (1, ())
    assert (bob.done, len(bob.failures)) == ((), 1)


def test_who_has_no_room_is_told_of_alone(office: Office):
    async def limit() -> None:
        account = await office.store.account(office.ids["bob"])
        await account.quota.set("", QuotaLimits(message=1))
        await account.close()

    office.runtime.run(limit())
    assert [one.failures for one in office.deliver("ann", "bob")] == [(), ()]
    ann, bob = office.deliver("ann", "bob")
    assert ann.failures == ()
    assert [type(error) for error in bob.failures] == [OverQuota]
    assert len(office.stored("bob")) == 1


def test_a_defect_is_told_and_stops_nobody(office: Office, monkeypatch):
    fail_for(office, monkeypatch, KeyError("a defect"))
    bob, ann = office.deliver("bob", "ann")
    assert len(ann.done) == 1
    assert isinstance(bob.failures[0], Unavailable)
    assert isinstance(bob.failures[0].__cause__, KeyError)


def test_a_group_that_is_tried_again_gets_nothing_twice(office: Office, monkeypatch):
    office.directory.groups.add("staff")
    for name in ("ann", "bob"):
        office.directory.groups.join("staff", office.ids[name])
    with monkeypatch.context() as patch:
        fail_for(office, patch, Unavailable())
        (result,) = office.deliver("staff")
        assert len(result.failures) == 1
    (result,) = office.deliver("staff")
    assert result.failures == ()
    assert len(office.stored("ann")) == len(office.stored("bob")) == 1
    office.deliver("staff")  # a third one is meant
    assert len(office.stored("ann")) == len(office.stored("bob")) == 2


def test_what_was_remembered_for_a_second_try_is_forgotten_in_time(
    office: Office, monkeypatch
):
    with monkeypatch.context() as patch:
        fail_for(office, patch, Unavailable())
        office.deliver("ann", "bob", together=True)
    office.runtime.time += AGAIN_SECONDS + 1
    office.deliver("ann", "bob", together=True)
    assert len(office.stored("ann")) == 2


def test_what_is_too_big_is_not_kept(office: Office):
    with pytest.raises(TooBig):
        office.delivery.check(2_000_001)
    incoming = office.delivery.begin()
    for _ in range(100):
        incoming.write(b"x" * 100_000 + b"\n")
    assert incoming.too_big
    incoming.finish()
    with pytest.raises(TooBig):
        office.runtime.run(office.delivery.hops(incoming))
    incoming.close()
    incoming.close()
    assert list((office.store.path / "spool").iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_is_not_filled(office: Office, monkeypatch):
    monkeypatch.setattr("mailstore.delivery._LOOK_EVERY", 1_000)
    incoming = office.delivery.begin()
    full = StoreOptions(directory=office.options.directory, free_space_floor=2**60)
    incoming.write(b"a: b\r\n\r\n")
    office.store.use(full)
    for _ in range(100):
        incoming.write(b"x" * 998 + b"\r\n")
    assert incoming.size < 3_000
    incoming.finish()
    with pytest.raises(Unavailable):
        office.runtime.run(office.delivery.hops(incoming))
    with pytest.raises(Unavailable):
        office.delivery.begin()
    incoming.close()


def test_the_servers_that_a_message_came_through_are_counted(office: Office):
    header = b"Received: from a\r\nreceived : by b\r\nX-Received: c\r\nSubject: d\r\n"
    incoming = office.delivery.begin()
    incoming.write(header + b"\r\nReceived: in the body\r\n")
    incoming.finish()
    assert office.runtime.run(office.delivery.hops(incoming)) == 2


def test_a_session_is_told_of_a_delivery_at_once(office: Office):
    account = office.runtime.run(office.store.account(office.ids["ann"]))
    mailbox = office.runtime.run(account.open("INBOX"))
    woken = []
    end = mailbox.watch(lambda: woken.append(1))
    office.deliver("ann")
    assert woken
    assert list(mailbox.uids) == [1]
    end()


def test_the_spool_keeps_small_messages_in_memory_unless_there_are_many(tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    made = [spool.writer() for _ in range(501)]
    for writer, _ in made:
        writer.write(b"x")
    assert len(list((tmp_path / "spool").iterdir())) == 1
    for _, end in made:
        end()
        end()
    writer, end = spool.writer()
    writer.write(b"x" * 70_000)
    assert writer.content() == b"x" * 70_000
    assert spool.sweep(0) == 0
    assert spool.sweep(2**40) == 1
    end()


def test_the_index_remembers_the_newest_keys_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(delivered, "MAX_REMEMBERED", 2)
    database = Database.open(tmp_path / "index.db")
    with database.transaction():
        for number in range(4):
            delivered.remember(database, b"%d" % number, 100 + number)
        delivered.remember(database, b"2", 200)
    assert not delivered.known(database, b"1", 0)
    assert delivered.known(database, b"3", 103)
    assert not delivered.known(database, b"3", 104)
    assert delivered.known(database, b"2", 200)
    with database.transaction():
        delivered.forget(database, b"2")
    assert not delivered.known(database, b"2", 0)
    database.close()


def test_wishes_and_memories_are_empty_by_default():
    assert (Wish().mailbox, Wish().make) == (None, False)
    assert Memory(b"").message_id is None


_lines = st.sampled_from(
    [
        b"Subject: a\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Message-ID: <a@b>\r\n",
        b" folded\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"text\r\n",
        b"Received: x\r\n",
        b"\xff\0\r\n",
    ]
)


@given(st.lists(_lines, max_size=25).map(b"".join))
def test_fields_of_the_way_change_nothing_but_offsets(message: bytes):
    kept = kept_of(message)
    assume(not ingest(kept).edits)
    assert behind_fields(ingest(kept), len(FIELDS)) == ingest(FIELDS + kept)


def test_fields_of_the_way_change_nothing_else_of_real_messages():
    seen = 0
    for path in OWN:
        kept = kept_of(path.read_bytes())
        if not ingest(kept).edits:
            seen += 1
            moved = behind_fields(ingest(kept), len(FIELDS))
            assert moved == ingest(FIELDS + kept), path.name
    assert seen > 20


def kept_of(message: bytes) -> bytes:
    """Give what is kept of a message behind the fields of its way."""
    incoming = Incoming(_Kept(), lambda: None, 2**30, lambda _: None)  # type: ignore[arg-type]
    incoming.write(message)
    incoming.finish()
    return b"".join(incoming.content.parts)  # type: ignore[attr-defined]


class _Kept:
    """What was written, in memory."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    def finish(self) -> None:
        """All is here."""
