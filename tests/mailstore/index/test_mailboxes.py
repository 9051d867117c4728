from __future__ import annotations

import pytest

from mailstore.errors import (
    AlreadyExists,
    HasChildren,
    InvalidName,
    NotFound,
    NotPermitted,
    TooMany,
)
from mailstore.index import mailboxes
from mailstore.index.mailboxes import create, delete, mailbox_named, rename
from mailstore.model import DEFAULT_MAILBOXES, SpecialUse
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path, "INBOX", "a/b/c")
    yield made
    made.close()


def names(database):
    return sorted(row.name for row in mailboxes.mailboxes(database))


def test_parents_are_made_and_subscribed(database):
    assert names(database) == ["INBOX", "a", "a/b", "a/b/c"]
    assert mailboxes.subscriptions(database) == {"INBOX", "a", "a/b", "a/b/c"}


def test_a_name_exists_once(database):
    with pytest.raises(AlreadyExists):
        create(database, "a/b", None, NOW, 100)


def test_defaults_are_made_once(tmp_path):
    (tmp_path / "new").mkdir()
    database = new_index(tmp_path / "new")
    assert not mailboxes.create_defaults(database, NOW)
    database.execute("DELETE FROM mailbox")
    database.execute("UPDATE account SET last_mailbox = 0")
    assert mailboxes.create_defaults(database, NOW)
    assert names(database) == sorted(name for name, _ in DEFAULT_MAILBOXES)
    assert mailbox_named(database, "Junk").special_use is SpecialUse.JUNK
    database.close()


def test_uidvalidity_never_repeats(database):
    seen = {row.uidvalidity for row in mailboxes.mailboxes(database)}
    assert len(seen) == 4
    for _ in range(3):
        delete(database, "a/b/c", NOW)
        value = create(database, "a/b/c", None, NOW, 100).uidvalidity
        assert value not in seen
        assert 0 < value < 2**32
        seen.add(value)


def test_ids_never_repeat(database):
    first = mailbox_id(database, "a/b/c")
    delete(database, "a/b/c", NOW)
    database.execute("DELETE FROM mailbox WHERE name IS NULL")
    assert create(database, "z", None, NOW, 100).id > first


def test_the_number_of_mailboxes_is_bounded(database):
    with pytest.raises(TooMany):
        create(database, "more", None, NOW, 4)


def test_inbox_cannot_be_deleted(database):
    with pytest.raises(NotPermitted):
        delete(database, "INBOX", NOW)


def test_a_parent_keeps_its_name_until_its_children_are_gone(database):
    add(database, "a/b")
    old = mailbox_id(database, "a/b")
    delta = delete(database, "a/b", NOW)
    assert delta.gone
    assert delta.mailbox == old
    assert list(delta.vanished) == [1]
    row = mailbox_named(database, "a/b")
    assert not row.selectable
    assert row.id != old
    with pytest.raises(HasChildren):
        delete(database, "a/b", NOW)
    delete(database, "a/b/c", NOW)
    delete(database, "a/b", NOW)
    assert names(database) == ["INBOX", "a"]


def test_a_bare_name_becomes_a_mailbox_again(database):
    before = mailbox_named(database, "a/b").uidvalidity
    delete(database, "a/b", NOW)
    row = create(database, "a/b", SpecialUse.SENT, NOW, 100)
    assert row.selectable
    assert row.special_use is SpecialUse.SENT
    assert row.uidvalidity > before
    assert row.messages == 0


def test_a_subscription_outlives_its_mailbox(database):
    delete(database, "a/b/c", NOW)
    assert "a/b/c" in mailboxes.subscriptions(database)


def test_children_are_renamed_too(database):
    kept = mailbox_id(database, "a/b/c")
    validity = mailbox_named(database, "a/b/c").uidvalidity
    rename(database, "a", "x/y", NOW, 100)
    assert names(database) == ["INBOX", "x", "x/y", "x/y/b", "x/y/b/c"]
    row = mailbox_named(database, "x/y/b/c")
    assert (row.id, row.uidvalidity) == (kept, validity)
    assert "x/y/b/c" in mailboxes.subscriptions(database)
    assert "a/b/c" not in mailboxes.subscriptions(database)


def test_only_whole_levels_are_children(database):
    create(database, "ab", None, NOW, 100)
    create(database, "a0", None, NOW, 100)
    rename(database, "a", "z", NOW, 100)
    assert "ab" in names(database)
    assert "a0" in names(database)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("missing", "x", NotFound),
        ("a", "INBOX", AlreadyExists),
        ("a", "a", AlreadyExists),
        ("a", "a/b/d", InvalidName),
        ("a/b/c", "a/b", AlreadyExists),
    ],
)
def test_refused_renames_change_nothing(database, old, new, error):
    before = names(database)
    with pytest.raises(error), database.transaction():
        rename(database, old, new, NOW, 100)
    assert names(database) == before


def test_a_rename_over_somebody_elses_child_is_refused(database):
    create(database, "x/b", None, NOW, 100)
    delete(database, "x", NOW)
    database.execute("DELETE FROM mailbox WHERE name = 'x'")
    with pytest.raises(AlreadyExists), database.transaction():
        rename(database, "a", "x", NOW, 100)


def test_names_may_look_like_patterns(database):
    for name in ("100%", "a_b", "%/x", "a*"):
        create(database, name, None, NOW, 100)
    rename(database, "%", "percent", NOW, 100)
    assert "percent/x" in names(database)
    assert "100%" in names(database)


def test_every_change_of_names_is_noticed(database):
    versions = [mailboxes.names_version(database)]
    for change in (
        lambda: create(database, "n", None, NOW, 100),
        lambda: rename(database, "n", "o", NOW, 100),
        lambda: mailboxes.set_subscribed(database, "o", False),
        lambda: mailboxes.set_subscribed(database, "o", True),
        lambda: delete(database, "o", NOW),
    ):
        change()
        versions.append(mailboxes.names_version(database))
    assert versions == sorted(set(versions))


def test_subscribing_needs_a_name_that_exists(database):
    with pytest.raises(NotFound):
        mailboxes.set_subscribed(database, "missing", True)
    mailboxes.set_subscribed(database, "missing", False)


def test_recent_only_moves_up(database):
    id_ = mailbox_id(database)
    add(database, "INBOX", (), (), ())
    mailboxes.claim_recent(database, id_, 3)
    mailboxes.claim_recent(database, id_, 2)
    assert mailbox_named(database, "INBOX").recent_from == 3
    assert mailboxes.count_recent(database, {id_: 3}) == {id_: 1}
