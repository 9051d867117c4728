"""Logging in by POP3 (RFC 1939 §4, §7; RFC 5034; RFC 2595 §4)."""

from __future__ import annotations

import base64
import hashlib

from imapd.auth import AuthOptions
from imapd.doors.pop3.delays import LoginDelays
from tests.support.pop3 import Pop3Client
from tests.support.session import PASSWORD, World

PLAIN = base64.b64encode(b"\0ann\0" + PASSWORD)
WRONG = "[AUTH] the user name or the password is wrong"


def test_capabilities_are_what_is_true_at_the_moment(world):
    plain = Pop3Client(world, secure=False, stls=True)
    before = plain.lines(b"CAPA")
    assert before == [
        "TOP",
        "UIDL",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "PIPELINING",
        "EXPIRE NEVER",
        "STLS",
        "UTF8 USER",
        "LANG",
        "IMPLEMENTATION imapd",
    ]
    plain.ok(b"STLS")
    after = plain.lines(b"CAPA")
    assert set(after) - set(before) == {"USER", "SASL PLAIN LOGIN"}
    assert set(before) - set(after) == {"STLS"}
    plain.login("ann")
    assert plain.lines(b"CAPA") == after


def test_user_and_pass(world):
    ann = Pop3Client(world)
    assert ann.greeting == "+OK imapd ready"
    ann.ok(b"user ann")
    assert ann.ok(b"pass " + PASSWORD) == "0 messages (0 octets)"
    events = [facts for kind, facts in world.log.events if kind == "login"]
    assert events[-1]["protocol"] == "pop3"
    assert events[-1]["user"] == "ann"


def test_a_password_may_have_spaces_and_its_own_are_kept(world):
    world.store.directory.set_password("ann", b" a  b ")
    ann = Pop3Client(world)
    ann.ok(b"USER ann")
    ann.ok(b"PASS  a  b ")


def test_nobody_learns_who_has_an_account(world):
    answers = []
    for name in (b"ann", b"nobody"):
        client = Pop3Client(world)
        answers.append([client.say(b"USER " + name), client.say(b"PASS wrong")])
    assert answers[0] == answers[1]
    assert answers[0][1] == "-ERR " + WRONG


def test_a_name_holds_for_one_password(world):
    ann = Pop3Client(world)
    assert ann.err(b"PASS " + PASSWORD) == "USER comes before PASS"
    ann.ok(b"USER ann")
    assert ann.err(b"PASS wrong") == WRONG
    assert ann.err(b"PASS " + PASSWORD) == "USER comes before PASS"


def test_failures_are_counted_and_end_the_connection(world):
    client = Pop3Client(world)
    for left in range(5, 0, -1):
        client.ok(b"USER ann")
        client.feed(b"PASS wrong\r\n")
        if not client.raw:
            world.runtime.advance(5)  # the throttle's delay
        assert client.one() == "-ERR " + WRONG
        assert client.closed is (left == 1)
    assert client.one() == "-ERR too many failures to log in"
    failed = [facts for kind, facts in world.log.events if kind == "login-failed"]
    assert len(failed) == 5
    assert any(kind == "login-delayed" for kind, _ in world.log.events)


def test_no_password_crosses_the_network_in_clear(world):
    client = Pop3Client(world, secure=False, stls=True, apop=True)
    text = "passwords need TLS here: use STLS first"
    digest = hashlib.md5(b"").hexdigest().encode()
    assert client.err(b"USER ann") == text
    assert client.err(b"PASS x") == text
    assert client.err(b"AUTH PLAIN " + PLAIN) == text
    assert client.err(b"APOP ann " + digest) == text
    assert client.content(b"AUTH") == b""
    client.ok(b"STLS")
    assert client.secure
    client.login("ann")
    Pop3Client(world, secure=False, plaintext_login=True).login("ann")


def test_what_follows_stls_in_clear_ends_the_connection(world):
    client = Pop3Client(world, secure=False, stls=True)
    client.feed(b"STLS\r\nUSER eve\r\n")
    assert client.one() == "-ERR nothing may follow STLS before TLS begins"
    assert client.closed
    assert not client.secure


def test_nothing_said_before_tls_is_kept(world):
    client = Pop3Client(world, secure=False, stls=True, plaintext_login=True)
    client.ok(b"USER eve")
    client.ok(b"STLS")
    assert client.err(b"PASS " + PASSWORD) == "USER comes before PASS"
    assert client.err(b"STLS") == "TLS protects this connection already"


def test_there_is_no_stls_without_tls(world):
    client = Pop3Client(world, secure=False)
    assert client.err(b"STLS") == "there is no TLS on this port"
    assert "STLS" not in client.lines(b"CAPA")
    assert client.err(b"USER ann") == "passwords need TLS here, on another port"


def test_auth_with_an_initial_response(world):
    assert Pop3Client(world).ok(b"AUTH PLAIN " + PLAIN)


def test_auth_without_one(world):
    client = Pop3Client(world)
    assert client.say(b"AUTH PLAIN") == "+ "
    client.ok(PLAIN)


def test_auth_login_asks_twice(world):
    client = Pop3Client(world)
    assert client.say(b"auth login") == "+ " + base64.b64encode(b"Username:").decode()
    client.say(base64.b64encode(b"ann"))
    client.ok(base64.b64encode(PASSWORD))


def test_auth_can_be_cancelled(world):
    client = Pop3Client(world)
    client.say(b"AUTH PLAIN")
    assert client.err(b"*") == "AUTH was cancelled"
    client.login("ann")


def test_auth_without_a_name_lists_the_mechanisms(world):
    assert Pop3Client(world).lines(b"AUTH") == ["PLAIN", "LOGIN"]


REFUSALS = [
    (b"AUTH NONE", "there is no such mechanism here"),
    (b"AUTH \xff", "there is no such mechanism here"),
    (b"AUTH SCRAM-SHA-256-PLUS", "there is no such mechanism here"),
    (b"AUTH PLAIN !", "the initial response is not base64"),
    (b"AUTH PLAIN =", "[AUTH] the message is not that of PLAIN"),
    (b"USER", "USER has a name"),
    (b"USER \xff", "the user name is not UTF-8"),
    (b"APOP ann 00", "there is no APOP here"),
    (b"UTF8 x", "UTF8 has no argument"),
    (b"STLS x", "STLS has no argument"),
    (b"STAT", "log in first"),
]


def test_refusals(world):
    for line, text in REFUSALS:
        assert Pop3Client(world).err(line) == text


def test_a_response_that_is_not_base64(world):
    client = Pop3Client(world)
    client.say(b"AUTH PLAIN")
    assert client.err(b"!!!") == "the response is not base64"
    client.login("ann")


def test_scram_is_spoken_as_in_imap(tmp_path):
    world = World(
        tmp_path / "store", auth=AuthOptions(mechanisms=("SCRAM-SHA-256", "PLAIN"))
    )
    client = Pop3Client(world)
    assert "SASL SCRAM-SHA-256 PLAIN" in client.lines(b"CAPA")
    first = base64.b64encode(b"n,,n=ann,r=abcdef")
    answer = client.say(b"AUTH SCRAM-SHA-256 " + first)
    assert base64.b64decode(answer[2:]).startswith(b"r=abcdef")
    world.close()


def apop(client, name=b"ann", password=PASSWORD):
    stamp = client.greeting.partition("<")[2]
    digest = hashlib.md5(b"<" + stamp.encode() + password).hexdigest()
    return client.say(b"APOP " + name + b" " + digest.encode())


def test_apop_is_for_accounts_whose_password_is_kept_in_clear(world):
    world.store.directory.set_password("ann", PASSWORD, recoverable=True)
    first, second = (Pop3Client(world, apop=True) for _ in range(2))
    assert first.greeting.endswith("@mail.example.org>")
    assert first.greeting != second.greeting
    assert apop(first).startswith("+OK")
    assert apop(second, b"bob") == "-ERR " + WRONG
    assert apop(second, password=b"other") == "-ERR " + WRONG
    assert apop(second, b"nobody", b"nobody's") == "-ERR " + WRONG
    assert second.err(b"APOP ann") == "APOP has a name and a digest in hexadecimal"


def test_an_app_password_opens_the_doors_that_it_is_for(world):
    directory = world.store.directory
    id_ = directory.find("ann").id
    for protocol, opens in (("pop3", True), ("imap", False)):
        secret = directory.app_passwords.add(
            id_, protocol, now=0, protocols=(protocol,)
        )
        client = Pop3Client(world)
        client.ok(b"USER ann")
        assert client.say(b"PASS " + secret.encode()).startswith("+OK") is opens


def test_too_many_connections_of_an_account(world):
    world.limits = type(world.limits)(connections_per_account=1)
    ann = Pop3Client(world).login("ann")
    other = Pop3Client(world)
    other.ok(b"USER ann")
    text = "[IN-USE] too many connections of this account"
    assert other.err(b"PASS " + PASSWORD) == text
    ann.ok(b"QUIT")
    other.login("ann")


def test_a_login_too_soon_is_told_so_and_by_other_workers_too(world):
    here, there = (LoginDelays(world.runtime.monotonic) for _ in range(2))
    here.share(there.hear)
    first = Pop3Client(world, login_delay_seconds=60, delays=here).login("ann")
    assert "LOGIN-DELAY 60" in first.lines(b"CAPA")
    first.ok(b"QUIT")
    second = Pop3Client(world, login_delay_seconds=60, delays=there)
    second.ok(b"USER ann")
    assert (
        second.err(b"PASS " + PASSWORD) == "[LOGIN-DELAY] your last login was just now"
    )
    second.login("bob")
    world.runtime.advance(61)
    Pop3Client(world, login_delay_seconds=60, delays=there).login("ann")


def test_who_has_mail_on_another_server_is_told_so(world):
    object.__setattr__(world.services, "referrals", {"ann": "other.example.org"})
    client = Pop3Client(world)
    client.ok(b"USER ann")
    text = "[SYS/PERM] your mail is on another server"
    assert client.err(b"PASS " + PASSWORD) == text


def test_languages(world):
    client = Pop3Client(world)
    assert client.lines(b"LANG") == [
        "i-default",
        "en English",
        "de Deutsch",
        "fr Français",
        "es Español",
    ]
    for wanted in (b"en", b"*", b"EN-gb"):
        assert client.ok(b"LANG " + wanted) == "en this language it is"
    assert client.err(b"LANG MUL") == "that language is not spoken here"
    # RFC 6856 §3.2: from this very answer on; a refusal changes nothing.
    assert client.ok(b"LANG de-AT") == "de diese Sprache ist es"
    assert client.err(b"LANG MUL") == "diese Sprache wird hier nicht gesprochen"
    assert client.err(b"STAT") == "erst ist eine Anmeldung nötig"
    client.ok(b"USER ann")
    refused = "[AUTH] Benutzername oder Passwort ist falsch"
    assert client.err(b"PASS wrong") == refused
    assert client.ok(b"LANG i-default") == "i-default this language it is"


def test_what_programs_read_is_the_same_in_every_language(world):
    world.deliver(b"a", b"b")
    plain, other = (Pop3Client(world).login("ann") for _ in range(2))
    other.ok(b"LANG fr")
    for command in (b"STAT", b"LIST 1", b"UIDL 2", b"NOOP"):
        assert plain.ok(command) == other.ok(command)
    for command in (b"LIST", b"UIDL", b"RETR 1", b"TOP 1 0"):
        assert plain.lines(command) == other.lines(command)
    assert other.ok(b"DELE 1") == "le message 1 part à QUIT"
    assert other.err(b"DELE x") == "il n'y a pas de tel message"


def test_a_language_ends_where_tls_begins(world):
    """RFC 2595 §4: somebody else may have chosen it."""
    client = Pop3Client(world, secure=False, stls=True)
    client.ok(b"LANG de")
    client.ok(b"STLS")
    assert client.err(b"STAT") == "log in first"


UTF8 = "Subject: Grüße\r\nTo: ann@example.org\r\n\r\nbody ü\r\n".encode()


def test_headers_in_utf8_are_for_who_asked_for_them(world):
    world.deliver(UTF8, b"Subject: x\r\n\r\n\r\n")
    old = Pop3Client(world).login("ann")
    told = old.content(b"RETR 1")
    head = told.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert b"Subject: =?utf-8?" in head.replace(b"UTF-8", b"utf-8")
    assert old.ok(b"LIST 1") == f"1 {len(told)}"
    assert old.content(b"TOP 1 0") == head + b"\r\n\r\n"
    new = Pop3Client(world)
    new.ok(b"UTF8")
    new.login("ann")
    assert new.content(b"RETR 1") == UTF8
    assert new.ok(b"LIST 1") == f"1 {len(UTF8)}"
    assert new.lines(b"UIDL") == old.lines(b"UIDL")
