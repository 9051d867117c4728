"""Annotations with LIST (RFC 9590)."""

from __future__ import annotations

import pytest

from imapd.commands.list import List
from imapd.extensions.list_metadata import FEATURE, MetadataReturn
from imapd.session.faults import Bad
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import ListLine, Metadata


def test_the_option_is_known():
    text = b'LIST "" % RETURN (METADATA ("/shared/a" /private/b /Shared/A))'
    node = List(b"", b"%", None, (MetadataReturn(("/Shared/A", "/private/b")),))
    assert parsed(text) == node
    assert reparsed("LIST", node) == node


@pytest.mark.parametrize(
    "option", [b"METADATA", b"METADATA ()", b"METADATA /shared/a", b"METADATA (a)"]
)
def test_what_is_no_option_is_refused(option):
    with pytest.raises(Bad):
        parsed(b'LIST "" % RETURN (' + option + b")")


def test_annotations_follow_each_mailbox(world):
    ann = world.session()
    ann.ok(b"CREATE foo/bar")
    ann.ok(b"DELETE foo")
    ann.ok(b'SETMETADATA foo/bar (/shared/colour "red" /private/colour "blue")')
    ann.ok(b'SETMETADATA foo (/shared/colour "grey")')
    answer = ann.ok(
        b'LIST "" (INBOX foo foo/*) RETURN (METADATA (/shared/colour /private/colour))'
    )
    told = [one.name for one in answer.untagged if isinstance(one, ListLine | Metadata)]
    assert told == ["INBOX", "INBOX", "foo", "foo", "foo/bar", "foo/bar"]
    assert {one.name: dict(one.values) for one in answer.of(Metadata)} == {
        "INBOX": {"/shared/colour": None, "/private/colour": None},
        "foo": {"/shared/colour": b"grey", "/private/colour": None},
        "foo/bar": {"/shared/colour": b"red", "/private/colour": b"blue"},
    }


def test_a_name_without_a_mailbox_has_none(world):
    ann = world.session()
    ann.ok(b"CREATE gone")
    ann.ok(b"DELETE gone")
    answer = ann.ok(b'LIST (SUBSCRIBED) "" gone RETURN (METADATA (/shared/a))')
    assert len(answer.of(ListLine)) == 1
    assert answer.of(Metadata) == []


def test_special_uses_are_annotations_here_too(world):
    ann = world.session()
    answer = ann.ok(
        b'LIST "" (INBOX Sent) RETURN (SPECIAL-USE METADATA (/private/specialuse))'
    )
    assert [dict(one.values) for one in answer.of(Metadata)] == [
        {"/private/specialuse": None},
        {"/private/specialuse": b"\\Sent"},
    ]


def test_many_mailboxes_cost_a_constant_number_of_statements(world):
    ann = world.session()
    for at in range(40):
        ann.ok(b"CREATE many/%d" % at)
    ann.ok(b'LIST "" *')
    reader = ann.connection.session.account.own.readers.event.connection
    statements: list[str] = []

    def note(_: object, sql: str, __: object) -> bool:
        statements.append(sql)
        return True

    reader.set_exec_trace(note)
    answer = ann.ok(b'LIST "" many/% RETURN (METADATA (/shared/a /private/b))')
    reader.set_exec_trace(None)
    assert len(answer.of(Metadata)) == 40
    assert len(statements) <= 4, statements


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["LIST-METADATA"]
