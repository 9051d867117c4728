"""People whose mail is on another server (RFC 2221)."""

from __future__ import annotations

import base64

import pytest

from imapd.extensions.login_referrals import FEATURE
from tests.support.responses import Capabilities
from tests.support.session import World


def refer(world, **places: str) -> None:
    object.__setattr__(world.services, "referrals", places)


def test_who_has_moved_is_sent_to_his_server(world):
    refer(world, ann="server2.example.org:993")
    ann = world.connect()
    answer = ann.run(b'LOGIN Ann "open sesame"')
    assert answer.status.kind == "NO"
    assert b"NO [REFERRAL imap://ann;AUTH=*@server2.example.org:993/] " in answer.raw
    # Nobody is logged in, and nothing is counted.
    ann.bad(b'LIST "" *')
    assert "login" not in [kind for kind, _ in world.log.events]


def test_by_any_mechanism(world):
    refer(world, ann="server2.example.org")
    proof = base64.b64encode(b"\0ann\0open sesame")
    answer = world.connect().run(b"AUTHENTICATE PLAIN " + proof)
    assert b"NO [REFERRAL imap://ann;AUTH=*@server2.example.org/] " in answer.raw


def test_a_wrong_password_learns_nothing(world):
    """RFC 2221 §6."""
    refer(world, ann="server2.example.org")
    answer = world.connect().no(b'LOGIN ann "wrong"', "AUTHENTICATIONFAILED")
    assert b"REFERRAL" not in answer.raw


def test_others_stay(world):
    refer(world, bob="server2.example.org")
    world.session().ok(b"SELECT INBOX")


@pytest.mark.parametrize("places", [{}, {"bob": "server2.example.org"}])
def test_the_capability_is_told_where_somebody_has_moved(world, places):
    refer(world, **places)
    (line,) = world.connect().ok(b"CAPABILITY").of(Capabilities)
    assert ("LOGIN-REFERRALS" in line.names) == bool(places)


def test_names_are_written_as_urls_want_them(tmp_path):
    world = World(tmp_path, "a b@x")
    refer(world, **{"a b@x": "host]x:143"})
    answer = world.connect().run(b'LOGIN "a b@x" "open sesame"')
    assert b"[REFERRAL imap://a%20b%40x;AUTH=*@host%5Dx:143/]" in answer.raw
    world.close()


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["LOGIN-REFERRALS"]
