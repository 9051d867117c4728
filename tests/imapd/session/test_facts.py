"""What is told of a session, and which sessions are meant."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.session.facts import SessionFacts, Wanted
from tests.support.session import World

FACTS = SessionFacts(
    id="0-1",
    user="ann",
    admin=None,
    address="192.0.2.7",
    protocol="imap",
    secure=True,
    tls="TLSv1.3",
    since=0.0,
    idle=0.0,
    mailbox=None,
    readonly=False,
    command=None,
    command_seconds=None,
    commands=0,
    octets_in=0,
    octets_out=0,
)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(ids=("0-1", "0-2")), True),
        (Wanted(ids=("0-2",)), False),
        (Wanted(users=("ann",)), True),
        (Wanted(users=("Ann",)), False),
        (Wanted(networks=("192.0.2.7",)), True),
        (Wanted(networks=("2001:db8::/64", "192.0.2.0/24")), True),
        (Wanted(networks=("198.51.100.0/24",)), False),
        (Wanted(ids=("0-1",), networks=("198.51.100.0/24",)), False),
        (Wanted(users=("ann",), networks=("0.0.0.0/0",)), True),
    ],
)
def test_which_sessions_are_meant(wanted, fits):
    assert wanted.fits(FACTS) is fits


def test_who_acts_in_a_session_is_meant_too():
    acting = dataclasses.replace(FACTS, admin="root")
    assert Wanted(users=("root",)).fits(acting)
    assert Wanted(users=("ann",)).fits(acting)
    stranger = dataclasses.replace(FACTS, user="")
    assert not Wanted(users=("ann",)).fits(stranger)


def test_an_ipv4_client_of_an_ipv6_socket_has_its_ipv4_address():
    mapped = dataclasses.replace(FACTS, address="::ffff:192.0.2.7")
    assert Wanted(networks=("192.0.2.0/24",)).fits(mapped)
    odd = dataclasses.replace(FACTS, address="no address")
    assert not Wanted(networks=("0.0.0.0/0",)).fits(odd)


@given(st.text())
def test_a_network_is_one_or_is_refused(text):
    try:
        wanted = Wanted(networks=(text,))
    except ValueError:
        return
    wanted.fits(FACTS)


def test_a_session_tells_what_it_does(tmp_path):
    world = World(tmp_path)
    stranger = world.connect(address="198.51.100.1")
    session = world.session(mailbox=b"INBOX")
    session.ok(b'ID ("name" "mutt" "version" NIL)')
    session.begin(b"IDLE")
    facts = session.connection.facts()
    json.dumps(facts.as_data())
    assert facts.id != stranger.connection.facts().id
    assert (facts.user, facts.mailbox, facts.readonly) == ("ann", "INBOX", False)
    assert (facts.command, facts.commands) == ("IDLE", 4)
    assert dict(facts.client) == {"name": "mutt", "version": None}
    assert facts.octets_in > 0
    assert facts.octets_out > len(session.raw)  # what came since is a part
    session.feed(b"DONE\r\n")
    session.ok(b"EXAMINE Sent")
    facts = session.connection.facts()
    assert (facts.command, facts.mailbox, facts.readonly) == (None, "Sent", True)
    facts = stranger.connection.facts()
    assert (facts.user, facts.address, facts.commands) == ("", "198.51.100.1", 0)
    world.close()


def test_a_literal_on_its_way_belongs_to_a_running_command(tmp_path):
    world = World(tmp_path)
    session = world.session()
    session.feed(b"x APPEND INBOX {10}\r\n12345")
    assert session.connection.facts().command == "APPEND"
    session.feed(b"67890\r\n")
    assert session.connection.facts().command is None
    # One that is refused ends too.
    session.feed(b"y APPEND INBOX {999999999}\r\n")
    assert session.connection.facts().command is None
    world.close()
