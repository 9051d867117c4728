"""Annotations of mailboxes and of the server (RFC 5464)."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.metadata import FEATURE, SERVER_FEATURE
from imapd.extensions.metadata.commands import GetMetadata, SetMetadata
from imapd.features import ALL
from imapd.session.faults import Bad
from imapd.session.registry import Registry
from mailstore.model import Depth
from tests.imapd.commands.peers import parsed, reparsed
from tests.mailstore.stores import Statements
from tests.support.responses import Capabilities, Fetch, ListLine, Metadata, StatusLine

COMMENT = "/private/comment"

NODES = [
    (b'GETMETADATA "" /shared/comment', GetMetadata(b"", ("/shared/comment",))),
    (b"getmetadata X (/Private/Comment)", GetMetadata(b"X", ("/Private/Comment",))),
    (
        b'GETMETADATA INBOX (/shared/comment "/private/comment" /SHARED/comment)',
        GetMetadata(b"INBOX", ("/SHARED/comment", "/private/comment")),
    ),
    # As the examples have it.
    (
        b"GETMETADATA INBOX /private/comment /shared/comment",
        GetMetadata(b"INBOX", ("/private/comment", "/shared/comment")),
    ),
    (
        b"GETMETADATA (MAXSIZE 1024 DEPTH 1) INBOX (/private)",
        GetMetadata(b"INBOX", ("/private",), 1024, Depth.ONE),
    ),
    (
        b"GETMETADATA INBOX (depth Infinity) /private/filters/values",
        GetMetadata(b"INBOX", ("/private/filters/values",), None, Depth.ALL),
    ),
    (
        b"SETMETADATA INBOX (/private/comment NIL)",
        SetMetadata(b"INBOX", (("/private/comment", None),)),
    ),
    (
        b'SETMETADATA "a b" (/private/comment "new" /shared/comment "")',
        SetMetadata(b"a b", (("/private/comment", b"new"), ("/shared/comment", b""))),
    ),
    (
        b'SETMETADATA "" (/private/vendor/x/y "1" /private/vendor/X/y "2")',
        SetMetadata(b"", (("/private/vendor/X/y", b"2"),)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    name = "GETMETADATA" if isinstance(node, GetMetadata) else "SETMETADATA"
    assert reparsed(name, node) == node


def test_values_may_be_literals_of_any_octets():
    node = parsed(b"SETMETADATA INBOX (/private/comment {})", b"two\r\nlines")
    assert node.values == ((COMMENT, b"two\r\nlines"),)
    binary = SetMetadata(b"INBOX", ((COMMENT, b"\x00\xff{2}\r\n"),))
    assert reparsed("SETMETADATA", binary) == binary


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"GETMETADATA", "a space"),
        (b"GETMETADATA INBOX", "a space"),
        (b"GETMETADATA INBOX ()", "a string"),
        (b"GETMETADATA INBOX /comment", "below /private or /shared"),
        (b"GETMETADATA INBOX comment", "below /private or /shared"),
        (b"GETMETADATA INBOX /private/", "the name of an entry"),
        (b"GETMETADATA INBOX /private//comment", "the name of an entry"),
        (b'GETMETADATA INBOX "/private/a*"', "the name of an entry"),
        (b'GETMETADATA INBOX "/private/a%"', "the name of an entry"),
        (b"GETMETADATA INBOX /privately/comment", "the name of an entry"),
        (b"GETMETADATA (SIZE 3) INBOX /private/comment", "a string"),
        (b"GETMETADATA (MAXSIZE) INBOX /private/comment", "a string"),
        (b"GETMETADATA (MAXSIZE x) INBOX /private/comment", "a number"),
        (b"GETMETADATA (DEPTH 2) INBOX /private/comment", "0, 1 or infinity"),
        (b"GETMETADATA (DEPTH 1 DEPTH 1) INBOX /private/x", "DEPTH once"),
        (b"SETMETADATA INBOX", "a space"),
        (b"SETMETADATA INBOX ()", "a string"),
        (b"SETMETADATA INBOX (/private/comment)", "a space"),
        (b"SETMETADATA INBOX /private/comment NIL", "'('"),
        (b"SETMETADATA INBOX (/private/comment x)", "a string or NIL"),
        (b"SETMETADATA INBOX (/private NIL)", "that can have a value"),
        (b"SETMETADATA INBOX (/shared/vendor/x NIL)", "that can have a value"),
        (b"SETMETADATA INBOX (/private/comment NIL) x", "the end of the command"),
    ],
)
def test_what_is_no_command_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


_WORDS = st.text("abcXYZ-_.&", min_size=1, max_size=8)
_ENTRIES = st.builds(
    lambda scope, words: "/".join([scope, *words]),
    st.sampled_from(["/private", "/shared"]),
    st.lists(_WORDS.filter(lambda w: w.lower() != "vendor"), min_size=1, max_size=4),
)


def _each_once(entries):
    return tuple({entry.lower(): entry for entry in entries}.values())


@given(
    st.binary(max_size=5).map(lambda name: name.replace(b"\0", b"0")),
    st.lists(_ENTRIES, min_size=1, max_size=4).map(_each_once),
    st.none() | st.integers(0, 2**32 - 1),
    st.sampled_from(Depth),
)
def test_parse_get_is_the_inverse_of_unparse(mailbox, entries, most, depth):
    node = GetMetadata(mailbox, entries, most, depth)
    assert reparsed("GETMETADATA", node) == node


@given(
    st.lists(_ENTRIES, min_size=1, max_size=4).map(_each_once),
    st.lists(st.none() | st.binary(max_size=40), min_size=4, max_size=4),
)
def test_parse_set_is_the_inverse_of_unparse(entries, values):
    pairs = tuple(zip(entries, values, strict=False))
    node = SetMetadata(b"INBOX", pairs)
    assert reparsed("SETMETADATA", node) == node


# -- what they do


@pytest.fixture
def ann(world):
    return world.session()


def told(session, command):
    """All entries that a command tells, by mailbox."""
    found: dict[str, dict[str, bytes | None]] = {}
    for one in session.ok(command).of(Metadata):
        found.setdefault(one.name, {}).update(one.values)
    return found


def test_what_is_set_is_told(ann):
    ann.ok(b'SETMETADATA INBOX (/private/comment "mine" /Shared/Comment "ours")')
    assert told(ann, b"GETMETADATA INBOX (/PRIVATE/comment /shared/comment)") == {
        "INBOX": {"/PRIVATE/comment": b"mine", "/shared/comment": b"ours"}
    }
    ann.ok(b'SETMETADATA inbox (/private/comment "other")')
    assert told(ann, b"GETMETADATA INBOX /private/comment") == {
        "INBOX": {COMMENT: b"other"}
    }


def test_what_is_set_is_a_change_of_the_mailbox(world, ann):
    """RFC 7162 §3.2: HIGHESTMODSEQ rises, no message's mod-sequence does."""
    world.deliver(b"Subject: a\r\n\r\n")
    follower = world.session()
    follower.ok(b"ENABLE QRESYNC")
    follower.ok(b"SELECT INBOX")

    def highest() -> int:
        (line,) = ann.ok(b"STATUS INBOX (HIGHESTMODSEQ)").of(StatusLine)
        return int(line.items["HIGHESTMODSEQ"])

    before = highest()
    ann.ok(b'SETMETADATA INBOX (/private/comment "mine" /shared/comment "ours")')
    assert highest() == before + 1
    ann.ok(b"SETMETADATA INBOX (/private/comment NIL)")
    assert highest() == before + 2
    ann.ok(b"SETMETADATA Archive (/private/specialuse NIL)")
    assert highest() == before + 2
    assert follower.ok(b"NOOP").untagged == ()
    (fetch,) = follower.ok(b"UID FETCH 1 MODSEQ").of(Fetch)
    assert fetch.items["MODSEQ"] == before
    follower.ok(b"UID STORE 1 +FLAGS (\\Seen)")
    assert highest() == before + 3


def test_nil_removes_and_is_told_for_what_is_not_there(ann):
    """RFC 5464 §4.2: there is always a response for an entry that is named."""
    ann.ok(b'SETMETADATA INBOX (/private/comment "mine")')
    ann.ok(b"SETMETADATA INBOX (/private/comment NIL /private/other NIL)")
    assert told(ann, b"GETMETADATA INBOX /private/comment") == {
        "INBOX": {COMMENT: None}
    }
    assert told(ann, b"GETMETADATA (DEPTH infinity) INBOX /private") == {}
    ann.ok(b'SETMETADATA INBOX (/private/comment "")')
    assert told(ann, b"GETMETADATA INBOX /private/comment") == {"INBOX": {COMMENT: b""}}


def test_values_are_octets(ann):
    for value in (b"two\r\nlines", b"\x00\x01\xff", b'q"\\', "Grüße".encode()):
        mark = b"~" if b"\x00" in value else b""
        ann.ok(
            b"SETMETADATA INBOX (/private/comment %b{%d+}\r\n%b)"
            % (mark, len(value), value)
        )
        assert told(ann, b"GETMETADATA INBOX /private/comment") == {
            "INBOX": {COMMENT: value}
        }


def fill(session):
    session.ok(
        b'SETMETADATA INBOX (/private/a "1" /private/a/b "22" /private/a/c "3"'
        b' /private/a/b/d "4444" /private/ab "5" /shared/a "6")'
    )


@pytest.mark.parametrize(
    ("depth", "entry", "names"),
    [
        (b"0", b"/private/a", ["/private/a"]),
        (b"1", b"/private/a", ["/private/a", "/private/a/b", "/private/a/c"]),
        (
            b"infinity",
            b"/private/A",
            ["/private/a", "/private/a/b", "/private/a/b/d", "/private/a/c"],
        ),
        (b"1", b"/private", ["/private/a", "/private/ab"]),
        (b"infinity", b"/shared", ["/shared/a"]),
        (b"infinity", b"/private/b", []),
        (
            b"1",
            b"(/private/a /private/a/b)",
            ["/private/a", "/private/a/b", "/private/a/b/d", "/private/a/c"],
        ),
    ],
)  # fmt: skip
def test_depth(ann, depth, entry, names):
    fill(ann)
    found = told(ann, b"GETMETADATA (DEPTH %b) INBOX %b" % (depth, entry))
    assert sorted(found.get("INBOX", {})) == sorted(names)


def test_longer_values_are_left_out_and_counted(ann):
    """RFC 5464 §4.2.1."""
    fill(ann)
    answer = ann.ok(b"GETMETADATA (MAXSIZE 1 DEPTH infinity) INBOX /private")
    (one,) = answer.of(Metadata)
    assert set(one.values) == {"/private/a", "/private/a/c", "/private/ab"}
    assert answer.status.code is not None
    assert answer.status.code.name == "METADATA"
    assert answer.status.code.value == ("LONGENTRIES", 4)
    answer = ann.ok(b"GETMETADATA (MAXSIZE 4 DEPTH infinity) INBOX /private")
    assert answer.status.code is None
    answer = ann.ok(b"GETMETADATA (MAXSIZE 0) INBOX /private/a")
    assert answer.untagged == ()
    assert answer.status.code.value == ("LONGENTRIES", 1)


def test_bounds_are_told(world, ann):
    options = world.store.options
    world.store._around.options = dataclasses.replace(
        options, metadata_octets=2_000, metadata_entries=10
    )
    answer = ann.run(b"SETMETADATA INBOX (/private/a {2001+}\r\n%b)" % (b"x" * 2001))
    assert (answer.status.kind, answer.status.code.value) == ("NO", ("MAXSIZE", 2000))
    ann.ok(b"SETMETADATA INBOX (/private/a {2000+}\r\n%b)" % (b"x" * 2000))
    answer = ann.run(
        b"SETMETADATA INBOX (/private/b {200000+}\r\n%b)" % (b"x" * 200_000)
    )
    assert (answer.status.kind, answer.status.code.value) == ("NO", ("MAXSIZE", 2000))
    for at in range(9):
        ann.ok(b'SETMETADATA INBOX (/private/n%d "x")' % at)
    answer = ann.run(
        b'SETMETADATA INBOX (/private/a NIL /private/m "x" /private/o "x")'
    )
    assert (answer.status.kind, answer.status.code.value) == ("NO", ("TOOMANY", None))
    # All or nothing.
    assert told(ann, b"GETMETADATA INBOX (/private/m)") == {
        "INBOX": {"/private/m": None}
    }
    assert len(told(ann, b"GETMETADATA (DEPTH 1) INBOX /private")["INBOX"]) == 10
    # Shared ones, and those of other mailboxes, are counted apart.
    ann.ok(b'SETMETADATA INBOX (/shared/m "x")')
    ann.ok(b'SETMETADATA Sent (/private/m "x")')


def test_many_values_are_told_in_several_responses(ann):
    for at in range(4):
        ann.ok(b"SETMETADATA INBOX (/private/v%d {40000+}\r\n%b)" % (at, b"v" * 40_000))
    answer = ann.ok(b"GETMETADATA (DEPTH 1) INBOX /private")
    assert [len(one.values) for one in answer.of(Metadata)] == [2, 2]


def test_what_does_not_exist(ann):
    ann.no(b"GETMETADATA nowhere /private/comment", "NONEXISTENT")
    ann.no(b'SETMETADATA nowhere (/private/comment "x")', "NONEXISTENT")


def test_they_follow_a_renaming_and_end_with_the_mailbox(ann):
    """RFC 5464 §4.1."""
    ann.ok(b"CREATE a/b")
    ann.ok(b'SETMETADATA a/b (/private/comment "x" /shared/comment "y")')
    ann.ok(b"RENAME a c")
    entries = b"(/private/comment /shared/comment)"
    assert told(ann, b"GETMETADATA c/b " + entries) == {
        "c/b": {COMMENT: b"x", "/shared/comment": b"y"}
    }
    ann.ok(b"DELETE c/b")
    ann.ok(b"CREATE c/b")
    assert told(ann, b"GETMETADATA c/b " + entries) == {
        "c/b": {COMMENT: None, "/shared/comment": None}
    }


def test_inbox_keeps_a_copy_when_it_is_renamed(ann):
    ann.ok(b'SETMETADATA INBOX (/private/comment "x")')
    ann.ok(b"RENAME INBOX old")
    for name in ("INBOX", "old"):
        assert told(ann, b"GETMETADATA %b /private/comment" % name.encode()) == {
            name: {COMMENT: b"x"}
        }


def test_a_bare_name_may_have_some(ann):
    ann.ok(b"CREATE p/q")
    ann.ok(b"DELETE p")
    ann.ok(b'SETMETADATA p (/private/comment "x")')
    assert told(ann, b"GETMETADATA p /private/comment") == {"p": {COMMENT: b"x"}}
    ann.no(b'SETMETADATA p (/private/specialuse "\\\\Sent")', "NONEXISTENT")


# -- the special use (RFC 6154 §4)


def uses(session):
    return {
        line.name: {a for a in line.attributes if "Children" not in a}
        for line in session.ok(b'LIST (SPECIAL-USE) "" *').of(ListLine)
    }


def test_a_special_use_is_an_annotation_too(ann):
    """RFC 6154 §5.4."""
    ann.ok(b"CREATE SavedDrafts")
    get = b"GETMETADATA Drafts (/private/SpecialUse)"
    assert told(ann, get) == {"Drafts": {"/private/SpecialUse": b"\\Drafts"}}
    below = told(ann, b"GETMETADATA (DEPTH 1) Drafts /private")
    assert below == {"Drafts": {"/private/specialuse": b"\\Drafts"}}
    ann.ok(b'SETMETADATA SavedDrafts (/private/specialuse "\\\\drafts")')
    ann.ok(b"SETMETADATA Sent (/private/specialuse NIL)")
    assert uses(ann) == {
        "Archive": {"\\Archive"},
        "Junk": {"\\Junk"},
        "SavedDrafts": {"\\Drafts"},
        "Trash": {"\\Trash"},
    }
    assert told(ann, get) == {"Drafts": {"/private/SpecialUse": None}}


@pytest.mark.parametrize(
    "use", [b"\\\\All", b"\\\\Sent \\\\Trash", b"Sent", b"\\\\X", b"\xff"]
)
def test_uses_that_cannot_be_are_refused(ann, use):
    before = uses(ann)
    value = use.replace(b"\\\\", b"\\")
    command = b'SETMETADATA Sent (/private/comment "x" /private/specialuse {%d+}\r\n%b)'
    ann.no(command % (len(value), value), "USEATTR")
    assert uses(ann) == before
    assert told(ann, b"GETMETADATA Sent /private/comment") == {"Sent": {COMMENT: None}}


# -- the server


def test_private_annotations_of_the_server_are_each_ones_own(tmp_path, world):
    ann = world.session()
    ann.ok(b'SETMETADATA "" (/private/comment "mine")')
    assert told(ann, b'GETMETADATA "" /private/comment') == {"": {COMMENT: b"mine"}}
    world.store.directory.create("bob", b"open sesame")
    bob = world.session("bob")
    assert told(bob, b'GETMETADATA "" /private/comment') == {"": {COMMENT: None}}


def test_shared_ones_are_set_by_administrators(world):
    world.store.directory.create("bob", b"open sesame")
    ann, bob = world.session(), world.session("bob")
    ann.no(b'SETMETADATA "" (/private/x "y" /shared/comment "hello")', "NOPERM")
    assert told(ann, b'GETMETADATA "" /private/x') == {"": {"/private/x": None}}
    world.store.directory.set_admin("ann", admin=True)
    ann.ok(
        b'SETMETADATA "" (/shared/comment "hello" /shared/vendor/x/relay "https://r")'
    )
    assert told(bob, b'GETMETADATA (DEPTH infinity) "" /shared') == {
        "": {"/shared/comment": b"hello", "/shared/vendor/x/relay": b"https://r"}
    }


def test_the_administrator_is_told_and_never_set(world, ann):
    command = b'GETMETADATA "" /shared/admin'
    assert told(ann, command) == {"": {"/shared/admin": None}}
    contact = "mailto:postmaster@example.org"
    object.__setattr__(world.services, "contact", contact)
    assert told(ann, command) == {"": {"/shared/admin": contact.encode()}}
    below = told(ann, b'GETMETADATA (DEPTH 1) "" /shared')
    assert below == {"": {"/shared/admin": contact.encode()}}
    world.store.directory.set_admin("ann", admin=True)
    ann.no(b'SETMETADATA "" (/shared/admin "mailto:x@y")', "NOPERM")


def test_bounds_of_the_server_are_told_too(world, ann):
    world.store._around.options = dataclasses.replace(
        world.store.options, metadata_octets=2_000, metadata_entries=10
    )
    answer = ann.run(b'SETMETADATA "" (/private/a {2001+}\r\n%b)' % (b"x" * 2001))
    assert answer.status.code.value == ("MAXSIZE", 2000)
    values = b" ".join(b'/private/%d "x"' % at for at in range(11))
    answer = ann.run(b'SETMETADATA "" (%b)' % values)
    assert answer.status.code.value == ("TOOMANY", None)
    assert told(ann, b'GETMETADATA (DEPTH 1) "" /private') == {}


def test_a_login_that_may_only_read_sets_nothing(world):
    found = world.store.directory.find("ann")
    password = world.store.directory.app_passwords.add(
        found.id, "x", now=0, readonly=True
    )
    ann = world.connect()
    ann.ok(b'LOGIN ann "%b"' % password.encode())
    for name in (b'""', b"INBOX"):
        ann.no(b'SETMETADATA %b (/private/comment "x")' % name, "NOPERM")
        ann.ok(b"GETMETADATA %b /private/comment" % name)


def test_without_the_feature_for_mailboxes_the_server_has_some_all_the_same(world):
    off = {"METADATA", "LIST-METADATA"}
    registry = Registry.of([one for one in ALL if one.name not in off])
    object.__setattr__(world.services, "registry", registry)
    ann = world.session()
    (line,) = ann.ok(b"CAPABILITY").of(Capabilities)
    assert "METADATA-SERVER" in line.names
    assert "METADATA" not in line.names
    ann.ok(b'SETMETADATA "" (/private/comment "x")')
    ann.no(b"GETMETADATA INBOX /private/comment", "CANNOT")
    ann.no(b"SETMETADATA INBOX (/private/comment NIL)", "CANNOT")


def test_features_have_their_capabilities():
    texts = [c.text for one in (FEATURE, SERVER_FEATURE) for c in one.capabilities]
    assert texts == ["METADATA", "METADATA-SERVER"]


def test_everything_of_a_mailbox_is_read_in_pieces(world):
    """All of it may be a hundred megabytes: no statement reads more than a piece."""
    ann = world.session()
    values = {f"/private/v{at:02}": b"%d" % at * 20_000 for at in range(10, 30)}
    for name, value in values.items():
        ann.ok(b"SETMETADATA INBOX (%b {%d+}\r\n%b)" % (name.encode(), 40_000, value))

    async def reader() -> Any:
        found = world.store.directory.find("ann")
        return (await world.store.account(found.id)).readers.event

    with Statements(world.runtime.run(reader())) as ran:
        answer = ann.ok(b"GETMETADATA (DEPTH infinity) INBOX /private")
    told = answer.of(Metadata)
    assert {k: v for one in told for k, v in one.values.items()} == values
    assert [len(one.values) for one in told] == [2] * 10
    assert len([sql for sql in ran if " value FROM metadata" in sql]) == 10
    command = b"GETMETADATA (MAXSIZE 100 DEPTH infinity) INBOX /private"
    assert ann.ok(command).untagged == ()
