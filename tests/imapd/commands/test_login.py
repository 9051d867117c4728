"""LOGIN, AUTHENTICATE, STARTTLS, LOGOUT and what CAPABILITY says meanwhile."""

from __future__ import annotations

import base64

import pytest

from imapd.commands import authenticate, login, starttls
from imapd.extensions import literal_plus, sasl_ir
from imapd.session.limits import Limits
from imapd.syntax.secret import Secret
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Capabilities, Status
from tests.support.session import PASSWORD, World

PLAIN = base64.b64encode(b"\0ann\0" + PASSWORD)


def capabilities(session):
    (found,) = session.ok(b"CAPABILITY").of(Capabilities)
    return found.names


def test_greeting_tells_capabilities(world):
    greeting = world.connect().greeting
    assert greeting.kind == "OK"
    assert greeting.code.name == "CAPABILITY"


@pytest.mark.parametrize(
    "command",
    [
        b'LOGIN ann "open sesame"',
        b'LOGIN ANN "open sesame"',
        b"LOGIN {3+}\r\nann {11+}\r\nopen sesame",
        b"AUTHENTICATE PLAIN " + PLAIN,
        b"authenticate plain " + base64.b64encode(b"ann\0ann\0" + PASSWORD),
    ],
)
def test_the_right_password_logs_in(world, command):
    session = world.connect()
    answer = session.ok(command)
    assert answer.code == "CAPABILITY"
    session.ok(b"SELECT INBOX")
    assert not {"AUTH=PLAIN", "SASL-IR", "STARTTLS"} & capabilities(session)
    session.bad(command)


@pytest.mark.parametrize(
    "command",
    [
        b"LOGIN ann wrong",
        b"LOGIN nobody wrong",
        b'LOGIN "" ""',
        b"LOGIN ann\x20{12+}\r\nopen sesame2",
        b'LOGIN "ann/x" "open sesame"',
        b"AUTHENTICATE PLAIN " + base64.b64encode(b"\0ann\0wrong"),
        b"AUTHENTICATE PLAIN " + base64.b64encode(b"no structure"),
        b"AUTHENTICATE PLAIN " + base64.b64encode(b"\0\xff\0x"),
    ],
)
def test_whatever_is_wrong_gets_one_answer(world, command):
    session = world.connect()
    session.no(command, "AUTHENTICATIONFAILED")
    session.no(b"LOGIN ann wrong", "AUTHENTICATIONFAILED")
    session.ok(b'LOGIN ann "open sesame"')


def test_unknown_and_wrong_are_told_alike(world):
    texts = {
        world.connect().run(b"LOGIN %b wrong" % name).status.text
        for name in (b"ann", b"nobody", b'"a b"')
    }
    assert len(texts) == 1


def test_nobody_acts_for_somebody_else(tmp_path):
    world = World(tmp_path, "ann", "bob")
    command = b"AUTHENTICATE PLAIN " + base64.b64encode(b"bob\0ann\0" + PASSWORD)
    world.connect().no(command, "AUTHORIZATIONFAILED")
    world.close()


def test_plain_and_login_by_challenges(world):
    session = world.connect()
    session.begin(b"AUTHENTICATE PLAIN")
    assert session.feed(PLAIN + b"\r\n")[-1].kind == "OK"
    session = world.connect()
    (prompt,) = session.begin(b"AUTHENTICATE LOGIN")
    assert base64.b64decode(prompt.text) == b"Username:"
    (prompt,) = session.feed(base64.b64encode(b"ann") + b"\r\n")
    assert base64.b64decode(prompt.text) == b"Password:"
    assert session.feed(base64.b64encode(PASSWORD) + b"\r\n")[-1].kind == "OK"


@pytest.mark.parametrize("line", [b"*", b"!!", b"abc", b"a b", b""])
def test_a_broken_exchange_is_bad_or_no(world, line):
    session = world.connect()
    session.begin(b"AUTHENTICATE PLAIN")
    answer = session.feed(line + b"\r\n")[-1]
    assert answer.kind in ("BAD", "NO")
    session.ok(b'LOGIN ann "open sesame"')


def test_a_literal_in_an_exchange_ends_the_connection(world):
    session = world.connect()
    session.begin(b"AUTHENTICATE PLAIN")
    assert session.feed(b"{5}\r\n")[-1].kind == "BYE"
    assert session.closed


def test_unknown_mechanisms_are_refused(world):
    world.connect().no(b"AUTHENTICATE SCRAM-SHA-1024")
    world.connect().bad(b"AUTHENTICATE PLAIN ====")


def test_passwords_need_tls(world):
    session = world.connect(secure=False, starttls=True)
    assert {"LOGINDISABLED", "STARTTLS"} <= capabilities(session)
    assert not [name for name in capabilities(session) if name.startswith("AUTH=")]
    session.no(b'LOGIN ann "open sesame"', "PRIVACYREQUIRED")
    session.no(b"AUTHENTICATE PLAIN " + PLAIN, "PRIVACYREQUIRED")
    session.ok(b"STARTTLS")
    assert session.secure
    assert not {"LOGINDISABLED", "STARTTLS"} & capabilities(session)
    session.bad(b"STARTTLS")
    session.ok(b'LOGIN ann "open sesame"')


def test_the_configuration_may_allow_passwords_without_tls(world):
    session = world.connect(secure=False, plaintext_login=True)
    assert "LOGINDISABLED" not in capabilities(session)
    session.ok(b'LOGIN ann "open sesame"')


def test_nothing_may_follow_starttls(world):
    session = world.connect(secure=False, starttls=True)
    found = session.feed(b"a STARTTLS\r\nb NOOP\r\n")
    assert [one.kind for one in found if isinstance(one, Status)] == ["BYE"]
    assert session.closed
    assert not session.secure


def test_a_port_without_tls_says_so(world):
    world.connect(secure=False).bad(b"STARTTLS")
    world.connect(secure=False, starttls=True).bad(b"STARTTLS now")


def test_too_many_failures_end_the_connection(tmp_path):
    world = World(tmp_path, limits=Limits(login_failures=2))
    session = world.connect()
    session.no(b"LOGIN ann wrong", "AUTHENTICATIONFAILED")
    assert session.run(b"LOGIN ann wrong").status.kind == "BYE"
    assert session.closed
    world.close()


def test_an_account_has_a_number_of_connections(tmp_path):
    world = World(tmp_path, limits=Limits(connections_per_account=2))
    first, _ = world.session(), world.session()
    third = world.connect()
    third.no(b'LOGIN ann "open sesame"', "LIMIT")
    first.run(b"LOGOUT")
    third.ok(b'LOGIN ann "open sesame"')
    world.close()


def test_a_removed_account_cannot_log_in(world):
    world.session()
    world.store.directory.remove("ann")
    world.connect().no(b'LOGIN ann "open sesame"', "AUTHENTICATIONFAILED")


def test_passwords_never_reach_the_log(world):
    world.session()
    world.connect().run(b"LOGIN ann wrongpassword")
    assert "wrongpassword" not in repr(world.log.events)
    assert "sesame" not in repr(world.log.events)
    assert "sesame" not in repr(parsed(b'LOGIN ann "open sesame"'))


def test_logout_says_bye_first(world):
    found = world.session().feed(b"x LOGOUT\r\n")
    assert [one.kind for one in found] == ["BYE", "OK"]


def test_a_stranger_may_not_do_anything_else(world):
    session = world.connect()
    session.ok(b"NOOP")
    session.bad(b"SELECT INBOX")
    session.bad(b"LIST x *")
    assert session.run(b"CLOSE").status.kind == "BYE"  # the third bad command
    assert session.closed


def test_inverse():
    for node in (
        login.Login(b"a b", Secret(b'p"\\\xff')),
        authenticate.Authenticate("PLAIN"),
        authenticate.Authenticate("PLAIN", Secret(b"")),
        authenticate.Authenticate("X", Secret(b"\x00a\x00b")),
    ):
        assert reparsed(type(node).__name__.upper(), node) == node


def test_features_name_their_capabilities():
    assert [c.text for c in sasl_ir.FEATURE.capabilities] == ["SASL-IR"]
    assert [c.text for c in literal_plus.FEATURE.capabilities] == ["LITERAL+"]
    assert [c.text for c in starttls.FEATURE.capabilities] == ["STARTTLS"]
