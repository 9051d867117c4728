"""Places, permits, lists and moves between accounts, below any session."""

from __future__ import annotations

import pytest

from mailstore.directory.sharing import Sharing
from mailstore.errors import (
    InvalidName,
    NotFound,
    NotPermitted,
    OverQuota,
    TooMany,
    Unavailable,
)
from mailstore.index import acl, leaving
from mailstore.index.flags import FlagsStored
from mailstore.index.records import Delta
from mailstore.index.selection import Selection
from mailstore.maintenance.check import check
from mailstore.maintenance.shares import check_shares
from mailstore.model import AccountId, Arrival, MailboxId
from mailstore.quotas import QuotaLimits
from mailstore.rights import ALL, Operation, Right, parse_rights
from mailstore.service import Access, transfer
from mailstore.service.access_metadata import AccessMetadata
from mailstore.service.access_objects import AccessObjectIds
from mailstore.service.access_quota import AccessQuota
from mailstore.service.access_urlkeys import AccessUrlKeys
from mailstore.service.acls import FULL, PersonPermit
from mailstore.service.arrivals import Terms
from mailstore.service.namespaces import Elsewhere, Namespaces
from mailstore.service.places import Place, Target
from mailstore.service.renaming import rename
from mailstore.service.rights_lists import (
    AccessRights,
    Change,
    Entry,
    Grantable,
    RightsLists,
    read_identifier,
    write_identifier,
)
from mailstore.service.storing import stored
from mailstore.service.transfer import settle
from mailstore.service.versions import Versions
from mailstore.service.visible import merged
from tests.mailstore.stores import Home, Statements

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Two(Home):
    """Ann, whose account it is, and Bob."""

    def __init__(self, path) -> None:
        super().__init__(path)
        directory = self.store.directory
        found = directory.find("bob")
        self.bob_id = found.id if found else directory.create("bob", b"secret")
        self.lists = RightsLists(self.store, self.account)

    def bob(self) -> Access:
        return self.run(self.store.access(self.bob_id))

    def give(self, name: str, who: str, letters: str) -> None:
        change = Change.REPLACE
        self.run(self.lists.change(name, who, change, parse_rights(letters)))

    def given(self, name: str) -> list[Entry]:
        return list(self.lists.entries(name))


@pytest.fixture
def home(tmp_path):
    made = Two(tmp_path)
    yield made
    made.close()
    assert check(tmp_path).whole


# -- names


def test_names_lead_to_their_owners():
    names = Namespaces()
    assert names.split("INBOX") is None
    assert names.split("Other Users") == Elsewhere("", "")
    assert names.split("Other Users/bob") == Elsewhere("bob", "")
    assert names.split("Other Users/bob/inbox/x") == Elsewhere("bob", "INBOX/x")
    assert names.split("Shared") == Elsewhere(None, "")
    assert names.split("Shared/a/b") == Elsewhere(None, "a/b")
    assert names.split("shared/a") is None
    assert names.of_person("bob", "a/b") == "Other Users/bob/a/b"
    assert names.of_person("bob") == "Other Users/bob"
    assert names.of_public("a") == "Shared/a"
    off = Namespaces("", "")
    assert off.split("Shared/a") is off.split("Other Users/bob/x") is None


# -- lists


def test_a_list_begins_with_its_owner(home):
    assert home.given("INBOX") == [Entry("ann", ALL)]
    home.give("INBOX", "bob", "lr")
    home.give("INBOX", "-bob", "w")
    home.give("INBOX", "anyone", "l")
    told = {one.identifier: one.rights for one in home.given("INBOX")}
    assert list(told) == ["ann", "-bob", "anyone", "bob"]
    home.give("INBOX", "ann", "lr")
    first = home.given("INBOX")[0]
    assert first == Entry("ann", parse_rights("lra"))
    home.run(home.lists.drop("INBOX", "ann"))
    assert home.given("INBOX")[0] == Entry("ann", ALL)


@pytest.mark.parametrize(
    ("change", "letters", "told"),
    [
        (Change.ADD, "s", "lrs"),
        (Change.REMOVE, "r", "l"),
        (Change.REPLACE, "i", "i"),
        (Change.REMOVE, "lr", None),
        (Change.REPLACE, "", None),
    ],
)
def test_rights_are_added_and_removed(home, change, letters, told):
    home.give("INBOX", "bob", "lr")
    home.run(home.lists.change("INBOX", "bob", change, parse_rights(letters)))
    found = {one.identifier: one.rights for one in home.given("INBOX")}
    assert found.get("bob") == (None if told is None else parse_rights(told))


def test_taking_from_an_owner_begins_with_all(home):
    home.run(home.lists.change("INBOX", "owner", Change.REMOVE, Right.EXPUNGE))
    assert home.given("INBOX")[0] == Entry("owner", ALL & ~Right.EXPUNGE)


def test_identifiers_are_names(home):
    directory = home.store.directory
    directory.groups.add("Sales")
    directory.create("owner", b"secret")
    directory.create("-x", b"secret")
    for text, written in (
        ("BOB", "bob"),
        ("-bob", "-bob"),
        ("user:bob", "bob"),
        ("group:sales", "group:Sales"),
        ("-group:SALES", "-group:Sales"),
        ("Anyone", "anyone"),
        ("authenticated", "authenticated"),
        ("owner", "owner"),
        ("user:owner", "user:owner"),
        ("user:-x", "user:-x"),
    ):
        assert write_identifier(directory, read_identifier(directory, text)) == written
    for text in ("", "-", "nobody", "group:none", "group:", "a\nb", "user:"):
        with pytest.raises(InvalidName):
            read_identifier(directory, text)


def test_who_was_removed_is_on_no_list(home):
    home.give("INBOX", "bob", "lr")
    home.store.directory.remove("bob")
    assert [one.identifier for one in home.given("INBOX")] == ["ann"]
    # Somebody else of that name has nothing.
    other = home.store.directory.create("bob", b"secret")
    access = home.run(home.store.access(other))
    assert all(entry.personal for entry in home.run(access.mailboxes()))


def test_nothing_is_tied_and_owners_keep_their_way_back(home):
    assert home.lists.grantable("bob") == Grantable(Right(0), ALL)
    kept = Right.LOOKUP | Right.ADMINISTER
    assert home.lists.grantable("ann") == Grantable(kept, ALL & ~kept)
    with pytest.raises(InvalidName):
        home.lists.grantable("nobody")


def test_a_list_is_bounded(home, monkeypatch):
    monkeypatch.setattr("mailstore.service.rights_lists.MOST_ENTRIES", 2)
    home.give("INBOX", "bob", "l")
    home.give("INBOX", "anyone", "l")
    with pytest.raises(TooMany):
        home.give("INBOX", "authenticated", "l")
    home.give("INBOX", "bob", "lr")


def test_the_reasons_of_rights_are_told(home):
    home.give("INBOX", "anyone", "lrw")
    home.give("INBOX", "-bob", "w")
    person = home.store.directory.sharing.person(home.bob_id)
    found = home.lists.explain("INBOX", person)
    assert found.rights == parse_rights("lr")
    assert [one.identifier for one in found.given] == ["anyone"]
    assert [one.key for one in found.taken] == [f"-user:{home.bob_id}"]


# -- who shares with whom


def test_the_directory_knows_whom_lists_name(home):
    sharing: Sharing = home.store.directory.sharing
    bob = sharing.person(home.bob_id)
    assert sharing.owners_for(bob) == []
    home.give("INBOX", "bob", "lr")
    home.give("Sent", "bob", "lr")
    assert sharing.owners_for(bob) == [home.id]
    home.run(home.lists.drop("INBOX", "bob"))
    assert sharing.owners_for(bob) == [home.id]
    home.give("Sent", "bob", "")
    assert sharing.owners_for(bob) == []
    home.give("INBOX", "-bob", "lr")
    assert sharing.owners_for(bob) == []
    with pytest.raises(NotFound):
        sharing.person(AccountId("0" * 32))


def test_a_note_that_was_lost_comes_back_with_the_next_change(home):
    home.give("INBOX", "bob", "lr")
    sharing = home.store.directory.sharing
    sharing.tidy(home.id, set)
    assert sharing.of(home.id) == set()
    (problem,) = check(home.store.path).problems
    assert "nobody was told" in problem
    home.give("INBOX", "bob", "lrs")
    assert sharing.of(home.id) == {f"user:{home.bob_id}"}


def test_notes_of_damaged_accounts_are_not_compared(home, tmp_path):
    home.give("INBOX", "bob", "lr")
    reader = home.store.directory._database.reader
    folder = home.store.folder(home.id)
    assert check_shares(reader, [folder, tmp_path / "none"]) == []


def test_whoever_shares_with_nobody_costs_nothing(home):
    mailbox = home.run(home.run(home.store.access(home.id)).open("INBOX"))
    home.append("INBOX", MESSAGE)
    with Statements(home.account.readers.event) as statements:
        home.fetch(mailbox, [1])
    assert not [sql for sql in statements if "FROM acl" in sql]


def test_one_look_serves_all_caches(home):
    reader = home.account.readers.event
    versions = Versions(home.account.readers)
    versions.look()
    before = versions.names
    assert versions.acls == 0
    home.give("INBOX", "bob", "lr")
    home.run(home.account.create("New"))
    versions.look()
    assert versions.acls == 1
    assert versions.names > before
    with Statements(reader) as statements:
        versions.look()
    assert len(statements) == 1


# -- places


def test_a_permit_follows_the_list(home):
    row = home.lists.row("INBOX")
    sharing = home.store.directory.sharing
    permit = PersonPermit(home.account, row.id, lambda: sharing.person(home.bob_id))
    assert permit.rights() == Right(0)
    home.give("INBOX", "bob", "lri")
    assert permit.rights() == parse_rights("lri")
    permit.check(Operation.READ)
    with pytest.raises(NotPermitted):
        permit.check(Operation.EXPUNGE)
    assert FULL.rights() == ALL
    place = Place(home.account, MailboxId(1))
    assert place.permit is FULL


def test_a_name_that_another_mailbox_has_got_is_refused(home):
    home.run(home.account.create("Old"))
    home.give("Old", "bob", "lri")
    row = home.lists.row("Old")
    permit = PersonPermit(home.account, row.id, home.bob().person)
    target = Target(home.account, "Old", permit)
    home.run(home.account.rename("Old", "Elsewhere"))
    home.run(home.account.create("Old"))
    with pytest.raises(NotFound):
        terms = Terms(permit.guard)
        home.run(home.account.append("Old", [Arrival(MESSAGE)], terms=terms))
    assert target.name == "Old"
    assert home.run(home.account.status("Old")).messages == 0


def test_numbers_of_mailboxes_are_nobody_elses(home):
    home.give("INBOX", "bob", "lr")
    bob = home.bob()
    entries = home.run(bob.mailboxes())
    ids = [entry.id for entry in entries if entry.id is not None]
    assert len(ids) == len(set(ids))
    (theirs,) = [one for one in entries if one.name == "Other Users/ann/INBOX"]
    assert not theirs.personal
    status = home.run(bob.status(theirs.name))
    assert status.id == theirs.id
    assert bob.object_ids.mailbox(status.id) == status.object_id
    assert home.run(bob.mailboxes()) is entries


def test_lists_of_names_are_put_together():
    assert merged((), ()) == ()


def test_parts_of_an_access(home):
    bob = home.bob()
    assert isinstance(bob.rights, AccessRights)
    assert isinstance(bob.metadata, AccessMetadata)
    assert isinstance(bob.object_ids, AccessObjectIds)
    assert isinstance(bob.url_keys, AccessUrlKeys)
    assert bob.name == "bob"
    home.run(bob.close())


def test_keys_are_for_who_may_read(home):
    home.give("INBOX", "bob", "l")
    bob, name = home.bob(), "Other Users/ann/INBOX"
    for call in (bob.url_keys.make, bob.url_keys.key, bob.url_keys.reset):
        with pytest.raises(NotPermitted):
            home.run(call(name))
    home.give("INBOX", "bob", "lr")
    assert home.run(bob.url_keys.make(name)) == home.run(
        home.account.url_keys.key("INBOX")
    )
    with pytest.raises(NotPermitted):
        home.run(bob.url_keys.reset(name))
    with pytest.raises(NotFound):
        home.run(bob.url_keys.make("Other Users/ann/Sent"))


# -- moves between accounts


def moved(home) -> tuple[int, int]:
    """Count the messages of both sides."""
    mine = home.run(home.account.status("INBOX")).messages
    theirs = home.run(home.run(home.store.account(home.bob_id)).status("INBOX"))
    return mine, theirs.messages


def pending(home):
    return leaving.pending(home.account.readers.event)


def move(home) -> None:
    mailbox = home.run(home.bob().open("Other Users/ann/INBOX"))
    home.run(mailbox.move(list(mailbox.uids), "INBOX"))


@pytest.fixture
def shared(home):
    home.give("INBOX", "bob", "lrswite")
    home.append("INBOX", MESSAGE, MESSAGE)
    return home


def test_a_move_leaves_no_trace(shared):
    move(shared)
    assert moved(shared) == (0, 2)
    assert pending(shared) == []
    bob = shared.run(shared.store.account(shared.bob_id))
    assert bob.readers.event.all("SELECT * FROM arrived") == []


def test_a_move_that_does_not_arrive_leaves_all_as_it_was(shared, monkeypatch):
    async def fail(*_, **__):
        raise Unavailable

    monkeypatch.setattr(Target, "append", fail)
    with pytest.raises(Unavailable):
        move(shared)
    assert moved(shared) == (2, 0)
    assert pending(shared) == []


def test_a_move_that_was_decided_is_finished_by_who_comes_next(shared, monkeypatch):
    """The process dies between the second commit and the third."""

    async def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "_finish", die)
        with pytest.raises(KeyboardInterrupt):
            move(shared)
    assert moved(shared) == (2, 2)
    assert len(pending(shared)) == 1
    shared.run(shared.store.access(shared.id))
    assert moved(shared) == (0, 2)
    assert pending(shared) == []
    shared.run(settle(shared.account, shared.store.account))
    assert moved(shared) == (0, 2)


def test_a_move_that_was_not_decided_is_given_up_in_the_end(shared, monkeypatch):
    async def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Target, "append", die)
        with pytest.raises(KeyboardInterrupt):
            move(shared)
    shared.run(settle(shared.account, shared.store.account))
    assert len(pending(shared)) == 1  # it may be on its way in another process
    shared.runtime.time += 2 * 3_600
    shared.run(settle(shared.account, shared.store.account))
    assert pending(shared) == []
    assert moved(shared) == (2, 0)


def test_a_move_to_who_was_removed_is_given_up(shared):
    one = leaving.Leaving(
        "t", AccountId("0" * 32), MailboxId(1), Selection(((1, 1),)), 0
    )
    database = shared.account.lane._database
    with database.transaction():
        leaving.begin(database, one)
    assert pending(shared) == [one]
    shared.run(settle(shared.account, shared.store.account))
    assert pending(shared) == []
    assert moved(shared) == (2, 0)


def test_one_command_takes_so_many_messages_elsewhere(shared, monkeypatch):
    monkeypatch.setattr(transfer, "MOST", 1)
    with pytest.raises(TooMany):
        move(shared)
    assert moved(shared) == (2, 0)


def test_renaming_and_storing_are_functions_of_an_account(home):
    home.run(rename(home.account, "Sent", "Gone"))
    assert "Gone" in home.names()
    home.append("INBOX", MESSAGE)
    state = home.open()._state
    done = FlagsStored(Delta(state.id, state.modseq, state.modseq), (), ())
    assert home.run(stored(home.runtime, state, [1, 9], done)).missing == (9,)


def test_acls_as_rows(home):
    database = home.account.lane._database
    with database.transaction():
        acl.put(database, MailboxId(1), "anyone", Right.READ)
        assert acl.named(database) == {"anyone"}
        assert acl.count(database) == 1
        acl.give(database, MailboxId(2), MailboxId(1))
    assert acl.all_acls(database) == {}


def test_quota_is_the_owners(home):
    home.give("INBOX", "bob", "lri")
    bob = home.bob()
    assert isinstance(bob.quota, AccessQuota)
    assert home.run(bob.quota.roots("Other Users/ann/INBOX")) == ()
    with pytest.raises(NotFound):
        home.run(bob.quota.roots("Other Users/ann/Sent"))
    home.run(home.account.quota.set("", QuotaLimits(message=1)))
    name = "Other Users/ann/INBOX"
    home.run(bob.append(name, [Arrival(MESSAGE)]))
    with pytest.raises(OverQuota):
        home.run(bob.append(name, [Arrival(MESSAGE)]))
    with pytest.raises(OverQuota):
        home.run(bob.admit(name, 10))
    mine = home.run(bob.open("INBOX"))
    home.run(bob.append("INBOX", [Arrival(MESSAGE)]))
    home.run(mine.refresh())
    with pytest.raises(OverQuota):
        home.run(mine.move([1], name))
    assert moved(home) == (1, 1)
    assert pending_of(home, home.bob_id) == []


def pending_of(home, account):
    opened = home.run(home.store.account(account))
    return leaving.pending(opened.readers.event)
