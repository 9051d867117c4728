"""XLIST, for Outlook 2013 and 2016."""

from __future__ import annotations

import pytest

from imapd.extensions.xlist import Xlist
from imapd.session.faults import Bad
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Capabilities


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (b'XLIST "" "*"', Xlist(b"", b"*")),
        (b"xlist Work/ %", Xlist(b"Work/", b"%")),
    ],
)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    assert reparsed("XLIST", node) == node


@pytest.mark.parametrize(
    "text", [b"XLIST", b'XLIST ""', b'XLIST "" (a b)', b'XLIST "" * RETURN ()']
)
def test_what_is_no_xlist_is_refused(text):
    with pytest.raises(Bad):
        parsed(text)


def told(session, pattern):
    session.ok(b'XLIST "" ' + pattern)
    return session.raw.splitlines()[:-1]


def test_special_uses_are_said_in_the_words_of_gmail(world):
    ann = world.session()
    assert told(ann, b"*") == [
        b'* XLIST (\\HasNoChildren \\Inbox) "/" INBOX',
        b'* XLIST (\\HasNoChildren \\Archive) "/" Archive',
        b'* XLIST (\\HasNoChildren \\Drafts) "/" Drafts',
        b'* XLIST (\\HasNoChildren \\Spam) "/" Junk',
        b'* XLIST (\\HasNoChildren \\Sent) "/" Sent',
        b'* XLIST (\\HasNoChildren \\Trash) "/" Trash',
    ]
    ann.ok(b"CREATE a/b")
    ann.ok(b"DELETE a")
    assert told(ann, b"a*") == [
        b'* XLIST (\\Noselect \\HasChildren) "/" a',
        b'* XLIST (\\HasNoChildren) "/" a/b',
    ]


def test_it_is_advertised_to_outlook_alone(world):
    ann = world.session()
    for client, advertised in (
        (b"NIL", False),
        (b'("name" "Thunderbird" "version" "140")', False),
        (b'("name" "Microsoft Outlook" "version" "16.0")', True),
        (b'("vendor" "Microsoft" "name" NIL)', False),
    ):
        ann.ok(b"ID " + client)
        (line,) = ann.ok(b"CAPABILITY").of(Capabilities)
        assert ("XLIST" in line.names) == advertised, client
