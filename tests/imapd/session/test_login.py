"""Logging in as a session sees it: capabilities, refusals, read-only people, admins."""

from __future__ import annotations

import base64

import pytest

from imapd.auth import AuthOptions
from imapd.session.credentials import Channel
from imapd.session.limits import Limits
from imapd.session.mechanisms import MECHANISMS
from mailstore.service.readonly import ReadOnlyAccount
from tests.imapd.auth.certificates import certificate, email
from tests.support.session import PASSWORD, World

EVERYTHING = AuthOptions(mechanisms=MECHANISMS)
BOUND = Channel({"tls-server-end-point": b"p" * 32})


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob", auth=EVERYTHING)
    yield made
    made.close()


def plain(*parts: bytes) -> bytes:
    return b"AUTHENTICATE PLAIN " + base64.b64encode(b"\0".join(parts))


def capabilities(session) -> set[str]:
    return set(session.ok(b"CAPABILITY").raw.split(b"\r\n")[0].decode().split())


def mechanisms(session) -> list[str]:
    line = session.ok(b"CAPABILITY").raw.split(b"\r\n")[0].decode()
    return [word for word in line.split() if word.startswith("AUTH=")]


def test_mechanisms_are_told_best_first(world):
    told = mechanisms(world.connect(channel=BOUND))
    assert told[0] == "AUTH=SCRAM-SHA-256-PLUS"
    assert told[-2:] == ["AUTH=PLAIN", "AUTH=LOGIN"]
    assert "AUTH=EXTERNAL" not in told
    shown = world.connect(channel=Channel({}, certificate(email("a@b.c"))))
    assert "AUTH=EXTERNAL" in mechanisms(shown)
    assert "AUTH=SCRAM-SHA-256-PLUS" not in mechanisms(shown)


def test_nothing_is_offered_before_tls(world):
    session = world.connect(secure=False, starttls=True, channel=BOUND)
    assert mechanisms(session) == []
    assert {"LOGINDISABLED", "STARTTLS"} <= capabilities(session)
    for mechanism in MECHANISMS:
        session.no(b"AUTHENTICATE " + mechanism.encode(), "PRIVACYREQUIRED")
    session.no(b"LOGIN ann x", "PRIVACYREQUIRED")
    session.ok(b"STARTTLS")
    assert "LOGINDISABLED" not in capabilities(session)
    assert "AUTH=SCRAM-SHA-256-PLUS" in mechanisms(session)


def test_capabilities_are_told_again_after_login(world):
    session = world.connect()
    answer = session.ok(plain(b"", b"ann", PASSWORD))
    assert answer.code == "CAPABILITY"
    assert mechanisms(session) == []


def test_what_is_not_offered_is_refused(world):
    session = world.connect()
    for name in (b"GSSAPI", b"EXTERNAL", b"SCRAM-SHA-256-PLUS", b"OAUTHBEARER"):
        session.no(b"AUTHENTICATE " + name)


def test_every_failure_answers_alike(world):
    world.store.directory.create("gone", PASSWORD)
    world.store.directory.set_disabled("gone", disabled=True)
    answers = set()
    for name, password in (
        (b"ann", b"x"),
        (b"nobody", b"x"),
        (b"gone", PASSWORD),
        (b"a/b", b"x"),
    ):
        for command in (plain(b"", name, password), b'LOGIN "%b" x' % name):
            session = world.connect(address="198.51.100.7")
            answer = session.run(command)
            answers.add((answer.status.kind, answer.code, answer.status.text))
    assert len(answers) == 1
    assert {kind for kind, _ in world.log.events} >= {"login-failed"}


def test_exchanges_that_break_off(world):
    session = world.connect()
    session.begin(b"AUTHENTICATE PLAIN")
    assert session.feed(b"*\r\n")[-1].kind == "BAD"
    for line in (b"!!!", b"====", b"A"):
        session.begin(b"AUTHENTICATE PLAIN")
        assert session.feed(line + b"\r\n")[-1].kind == "BAD"
        session = world.connect()
    session.no(b"AUTHENTICATE PLAIN " + base64.b64encode(b"x" * 4_000), FAILED)
    session.no(b"AUTHENTICATE PLAIN =", FAILED)
    session.ok(plain(b"", b"ann", PASSWORD))


FAILED = "AUTHENTICATIONFAILED"


def test_too_many_failures_end_the_connection(tmp_path):
    world = World(tmp_path, limits=Limits(login_failures=2))
    session = world.connect()
    session.no(plain(b"", b"ann", b"x"), FAILED)
    assert session.run(plain(b"", b"ann", b"x")).status.kind == "BYE"
    assert session.closed
    world.close()


def test_no_secret_is_logged(world):
    session = world.connect()
    session.run(plain(b"", b"ann", b"SECRET1"))
    session.run(b"LOGIN ann SECRET2")
    session.begin(b"AUTHENTICATE SCRAM-SHA-256")
    session.feed(base64.b64encode(b"n,,n=ann,r=SECRET3") + b"\r\n")
    session.feed(base64.b64encode(b"c=biws,r=SECRET4,p=AAAA") + b"\r\n")
    session.ok(plain(b"", b"ann", PASSWORD))
    text = repr(world.log.events)
    assert "SECRET" not in text
    assert PASSWORD.decode() not in text


# -- acting for somebody


def test_an_admin_acts_for_somebody_and_it_is_logged(world):
    world.store.directory.create("root", PASSWORD, admin=True)
    world.deliver(b"Subject: x\r\n\r\n", name="ann")
    session = world.connect()
    session.ok(plain(b"ann", b"root", PASSWORD))
    assert b"* 1 EXISTS" in session.ok(b"SELECT INBOX").raw
    (login,) = [facts for kind, facts in world.log.events if kind == "login"]
    assert (login["user"], login["admin"], login["mechanism"]) == (
        "ann",
        "root",
        "PLAIN",
    )
    world.connect().no(plain(b"root", b"ann", PASSWORD), "AUTHORIZATIONFAILED")


# -- people who may read only


CHANGES = (
    (b"APPEND INBOX {3+}\r\nx\r\n", "NOPERM"),
    (b"CREATE New", "NOPERM"),
    (b"DELETE Sent", "NOPERM"),
    (b"RENAME Sent Other", "NOPERM"),
    (b"RENAME INBOX Other", "NOPERM"),
    (b"SUBSCRIBE INBOX", "NOPERM"),
    (b"UNSUBSCRIBE INBOX", "NOPERM"),
    (b"STORE 1 +FLAGS (\\Seen)", "READ-ONLY"),
    (b"UID STORE 1 FLAGS.SILENT ()", "READ-ONLY"),
    (b"EXPUNGE", "READ-ONLY"),
    (b"UID EXPUNGE 1", "READ-ONLY"),
    (b"COPY 1 Sent", "NOPERM"),
    (b"MOVE 1 Sent", "READ-ONLY"),
)


def reader(world):
    directory = world.store.directory
    row = directory.find("ann")
    made = directory.app_passwords.add(row.id, "reader", now=0, readonly=True)
    session = world.connect()
    session.ok(plain(b"", b"ann", made.encode()))
    return session


@pytest.mark.parametrize(("command", "code"), CHANGES)
def test_who_may_only_read_changes_nothing(world, command, code):
    world.deliver(b"Subject: x\r\n\r\nbody")
    session = reader(world)
    assert isinstance(session.connection.session.account.own, ReadOnlyAccount)
    assert session.ok(b"SELECT INBOX").code == "READ-ONLY"
    before = everything(world)
    session.no(command, code)
    session.ok(b"FETCH 1 BODY[]")
    session.ok(b"CLOSE")
    assert everything(world) == before


def everything(world) -> bytes:
    session = world.session()
    listed = session.ok(b'LIST "" *').raw + session.ok(b'LSUB "" *').raw
    status = session.ok(b"STATUS INBOX (MESSAGES UIDNEXT UNSEEN RECENT)").raw
    session.ok(b"EXAMINE INBOX")
    flags = session.ok(b"FETCH 1:* (UID FLAGS)").raw
    session.ok(b"LOGOUT")
    return b"".join(
        line for line in (listed + status + flags).splitlines() if line[:1] == b"*"
    )


def test_who_may_only_read_sees_what_others_change(world):
    watching = reader(world)
    watching.ok(b"SELECT INBOX")
    world.deliver(b"Subject: new\r\n\r\n")
    assert b"* 1 EXISTS" in watching.ok(b"NOOP").raw
    writing = world.session(mailbox=b"INBOX")
    writing.ok(b"STORE 1 +FLAGS (\\Deleted)")
    assert b"\\Deleted" in watching.ok(b"NOOP").raw
    writing.ok(b"EXPUNGE")
    assert b"* 1 EXPUNGE" in watching.ok(b"NOOP").raw


def test_the_same_account_whole_is_not_touched(world):
    reader(world)
    session = world.session()
    session.ok(b"CREATE New")
    assert session.ok(b"SELECT New").code == "READ-WRITE"
