"""Who hears that others have changed annotations (RFC 5464 §4.4.2, RFC 5465 §5.6)."""

from __future__ import annotations

import pytest

from imapd.extensions.metadata import SERVER_FEATURE
from imapd.extensions.metadata.news import MetadataNews
from tests.support.responses import Metadata, Status


def changed(answer):
    return {one.name: one.changed for one in answer.of(Metadata)}


def test_only_who_has_enabled_it_is_told_of_changes(world):
    ann, other, deaf = (world.session() for _ in range(3))
    for session in (ann, other):
        session.ok(b"ENABLE METADATA")
    ann.ok(b'SETMETADATA INBOX (/private/comment "x" /Shared/Comment "y")')
    assert changed(ann.ok(b"NOOP")) == {}
    answer = other.ok(b"NOOP")
    assert changed(answer) == {"INBOX": ("/private/comment", "/Shared/Comment")}
    assert changed(other.ok(b"NOOP")) == {}
    assert deaf.ok(b"NOOP").untagged == ()
    other.ok(b"SETMETADATA INBOX (/private/comment NIL)")
    assert changed(ann.ok(b"NOOP")) == {"INBOX": ("/private/comment",)}
    other.ok(b'SETMETADATA Drafts (/private/specialuse "\\\\Archive")')
    assert changed(ann.ok(b"NOOP")) == {
        "Archive": ("/private/specialuse",),
        "Drafts": ("/private/specialuse",),
    }


def test_changes_of_the_server_are_told(world):
    ann, other = world.session(), world.session()
    other.ok(b"ENABLE METADATA-SERVER")
    ann.ok(b'SETMETADATA "" (/private/comment "x")')
    ann.ok(b'SETMETADATA INBOX (/private/comment "x")')
    assert changed(other.ok(b"NOOP")) == {"": ("/private/comment",)}
    other.ok(b'SETMETADATA "" (/private/comment "z")')
    assert changed(other.ok(b"NOOP")) == {}


def test_an_idle_session_is_told_at_once(world):
    ann, other = world.session(), world.session()
    other.ok(b"ENABLE METADATA")
    other.begin(b"IDLE")
    ann.ok(b'SETMETADATA Sent (/shared/comment "x")')
    (line,) = other.read()
    assert isinstance(line, Metadata)
    assert (line.name, line.changed) == ("Sent", ("/shared/comment",))
    done = other.feed(b"DONE\r\n")
    assert isinstance(done[-1], Status)


@pytest.mark.parametrize(
    ("asked", "begun", "wakes"),
    [
        (b"NOOP", b"IDLE", 0),
        (b"ENABLE METADATA", b"IDLE", 1),
        (b"ENABLE METADATA-SERVER", b"IDLE", 1),
        (b"NOTIFY SET (subscribed (SubscriptionChange))", None, 0),
        (b"NOTIFY SET (subscribed (MailboxMetadataChange))", None, 1),
    ],
)
def test_who_is_told_nothing_is_not_woken(world, monkeypatch, asked, begun, wakes):
    ann, other = world.session(), world.session()
    woken = []
    monkeypatch.setattr(other.connection, "wake", lambda: woken.append(True))
    other.ok(asked)
    if begun:
        other.begin(begun)
    woken.clear()
    ann.ok(b'SETMETADATA "" (/private/comment "x")')
    assert len(woken) == wakes


def test_who_follows_the_account_hears_of_what_it_wants(world):
    """RFC 5465 §5.6, §5.7: without ENABLE, between commands too."""
    ann, other = world.session(), world.session()
    other.ok(
        b"NOTIFY SET (mailboxes (INBOX Sent) (MailboxMetadataChange))"
        b" (subtree Archive (ServerMetadataChange))"
    )
    ann.ok(b'SETMETADATA Sent (/shared/comment "x")')
    (line,) = other.read()
    assert isinstance(line, Metadata)
    assert (line.name, line.changed) == ("Sent", ("/shared/comment",))
    ann.ok(b'SETMETADATA Trash (/shared/comment "x")')
    assert other.read() == []
    ann.ok(b'SETMETADATA "" (/private/comment "x")')
    (line,) = other.read()
    assert isinstance(line, Metadata)
    assert (line.name, line.changed) == ("", ("/private/comment",))
    other.ok(b'SETMETADATA Sent (/shared/comment "y")')
    assert other.read() == []
    other.ok(b"NOTIFY SET (personal (MailboxName))")
    ann.ok(b'SETMETADATA Sent (/shared/comment "z")')
    ann.ok(b'SETMETADATA "" (/private/comment "z")')
    assert other.read() == []
    answer = other.no(b"NOTIFY SET (personal (Nonsense))", "BADEVENT")
    assert "MailboxMetadataChange ServerMetadataChange" in str(answer.status.code)


def test_each_session_has_news_of_its_own_account(world):
    """The notes of a session outlive a login: another account's are not compared."""
    assert isinstance(SERVER_FEATURE.news[0], MetadataNews)
    ann = world.session()
    ann.ok(b"ENABLE METADATA")
    assert ann.connection.session.notes["METADATA"].account is not None
