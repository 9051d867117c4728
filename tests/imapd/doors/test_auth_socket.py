"""Dovecot's auth client protocol, octet by octet."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.doors.auth_socket import AuthSocket
from imapd.session.state import Peer
from tests.support.asking import Asking
from tests.support.session import PASSWORD

HELLO = b"VERSION\t1\t1\nCPID\t4711\n"
WHERE = b"service=smtp\tnologin\tlip=127.0.0.1\trip=192.0.2.1"


def plain(name: bytes = b"ann", password: bytes = PASSWORD) -> bytes:
    return base64.b64encode(b"\0" + name + b"\0" + password)


class Mta:
    def __init__(self, world, **how):
        self.line = Asking(world)
        self.talk = AuthSocket(world.services, self.line, Peer("unix"), **how)
        self.talk.start()
        self.greeting = self.line.taken()
        self.feed(HELLO)

    def feed(self, data):
        self.talk.receive(data)
        return self.line.taken()

    def auth(self, number, response=None, *, mechanism=b"PLAIN", where=WHERE):
        line = b"AUTH\t%b\t%b\t%b\tsecured" % (number, mechanism, where)
        if response is not None:
            line += b"\tresp=" + response
        return self.feed(line + b"\n")


@pytest.fixture
def mta(world):
    return Mta(world)


def test_the_server_says_what_there_is_at_once(mta):
    assert re.fullmatch(
        rb"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
        rb"SPID\t\d+\nCUID\t\d+\nCOOKIE\t[0-9a-f]{32}\nDONE\n",
        mta.greeting,
    )


def test_a_right_password(world, mta):
    assert mta.auth(b"1", plain()) == b"OK\t1\tuser=ann\n"
    ((_, facts),) = [one for one in world.log.events if one[0] == "login"]
    assert facts["address"] == "192.0.2.1"
    assert facts["protocol"] == "smtp"
    assert PASSWORD.decode() not in repr(world.log.events)


def test_a_wrong_one_and_nobody_get_the_same_answer(mta):
    text = b"FAIL\t1\treason=the user name or the password is wrong\n"
    assert mta.auth(b"1", plain(password=b"x")) == text
    assert mta.auth(b"2", plain(b"nobody")) == text.replace(b"1", b"2", 1)


def test_responses_may_come_later(mta):
    assert mta.auth(b"7") == b"CONT\t7\t\n"
    assert mta.feed(b"CONT\t7\t" + plain() + b"\n") == b"OK\t7\tuser=ann\n"
    assert mta.auth(b"8", mechanism=b"login") == b"CONT\t8\tVXNlcm5hbWU6\n"
    asked = mta.feed(b"CONT\t8\t" + base64.b64encode(b"ann") + b"\n")
    assert asked == b"CONT\t8\tUGFzc3dvcmQ6\n"
    done = mta.feed(b"CONT\t8\t" + base64.b64encode(PASSWORD) + b"\n")
    assert done == b"OK\t8\tuser=ann\n"


def test_an_empty_response_is_one(mta):
    text = b"FAIL\t1\treason=the message is not that of PLAIN\n"
    assert mta.auth(b"1", b"=") == text


def test_who_waits_keeps_nobody_else_waiting(world, mta):
    for number in range(4):
        mta.auth(b"%d" % number, plain(password=b"x"))
    assert mta.auth(b"10", plain(password=b"x")) == b""  # the throttle
    assert mta.auth(b"11", plain(b"bob"), where=b"service=smtp\trip=198.51.100.1") == (
        b"OK\t11\tuser=bob\n"
    )
    world.runtime.advance(20)
    assert mta.line.taken().startswith(b"FAIL\t10\t")


def test_guessing_is_counted_where_the_client_is(world, mta):
    for number in range(6):
        mta.auth(b"%d" % number, plain(password=b"x"))
    other = WHERE.replace(b"192.0.2.1", b"198.51.100.9")
    assert mta.auth(b"20", plain(), where=other) == b"OK\t20\tuser=ann\n"
    assert mta.auth(b"21", plain()) == b""


def test_a_cancelled_request_gets_no_answer(world, mta):
    mta.auth(b"1")
    assert mta.feed(b"CANCEL\t1\nCONT\t1\t" + plain() + b"\n") == b""
    assert mta.auth(b"1", plain()) == b"OK\t1\tuser=ann\n"


def test_passwords_want_tls_unless_the_administrator_doesnt(world, mta):
    line = b"AUTH\t1\tPLAIN\t" + WHERE + b"\tresp=" + plain() + b"\n"
    assert mta.feed(line) == b"FAIL\t1\treason=passwords need TLS here\n"
    assert Mta(world, plaintext_login=True).feed(line) == b"OK\t1\tuser=ann\n"


def test_app_passwords_are_for_their_service_and_never_for_reading_only(world, mta):
    directory = world.store.directory
    id_ = directory.find("ann").id
    add = directory.app_passwords.add
    secrets = {
        "smtp": add(id_, "smtp", now=0, protocols=("smtp",)).encode(),
        "imap": add(id_, "imap", now=0, protocols=("imap",)).encode(),
        "read": add(id_, "read", now=0, readonly=True).encode(),
    }
    assert mta.auth(b"1", plain(password=secrets["smtp"])) == b"OK\t1\tuser=ann\n"
    submission = WHERE.replace(b"smtp", b"submission")
    done = mta.auth(b"2", plain(password=secrets["smtp"]), where=submission)
    assert done == b"OK\t2\tuser=ann\n"
    assert mta.auth(b"3", plain(password=secrets["imap"])).startswith(b"FAIL\t3\t")
    text = b"FAIL\t4\treason=this password is for reading only\n"
    assert mta.auth(b"4", plain(password=secrets["read"])) == text


def test_who_may_not_act_for_others_is_told_so(mta):
    response = base64.b64encode(b"bob\0ann\0" + PASSWORD)
    text = b"FAIL\t1\tauthz\tcode=authz_fail\treason=you may not act for that user\n"
    assert mta.auth(b"1", response) == text


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"AUTH\t1\tNONE\tservice=smtp\tsecured\n", b"there is no such mechanism here"),
        (
            b"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=!\n",
            b"the response is not base64",
        ),
    ],
)
def test_refusals(mta, line, answer):
    assert mta.feed(line) == b"FAIL\t1\treason=" + answer + b"\n"
    assert not mta.line.closed


@pytest.mark.parametrize(
    "line",
    [
        b"VERSION\t2\t0\n",
        b"AUTH\n",
        b"AUTH\tx\tPLAIN\tservice=smtp\n",
        b"AUTH\t1\tPLAIN\tsecured\n",
        b"x" * 70_000 + b"\n",
        b"a\rb\n",
    ],
)
def test_what_is_not_the_protocol_ends_the_connection(mta, line):
    assert mta.feed(line) == b""
    assert mta.line.closed


def test_a_number_that_is_taken_ends_the_connection(mta):
    mta.auth(b"1")
    mta.auth(b"1")
    assert mta.line.closed


def test_nobody_asks_before_they_have_said_who_they_are(world):
    line = Asking(world)
    talk = AuthSocket(world.services, line, Peer("unix"))
    talk.start()
    talk.receive(b"VERSION\t1\t2\nAUTH\t1\tPLAIN\tservice=smtp\n")
    assert line.closed


def test_what_is_not_known_is_passed_over(mta):
    assert mta.feed(b"USER\t1\tann\n\nNEW\n") == b""
    assert mta.auth(b"1", plain()) == b"OK\t1\tuser=ann\n"


def test_names_are_escaped(world):
    world.store.directory.create("two words", PASSWORD)
    mta = Mta(world)
    assert mta.auth(b"1", plain(b"two words")) == b"OK\t1\tuser=two words\n"
    where = b"service=smtp\x01t\trip=192.0.2.1"
    assert mta.auth(b"2", plain(), where=where).startswith(b"OK\t2")


def test_a_silent_mta_stays_connected(world, mta):
    world.runtime.advance(100_000)
    assert not mta.line.closed
    mta.talk.shutdown()
    assert mta.line.closed


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    b"AUTH",
                    b"CONT",
                    b"CANCEL",
                    b"1",
                    b"2",
                    b"PLAIN",
                    b"service=x",
                    b"secured",
                    b"resp=AA==",
                    b"AA==",
                    b"\xff",
                    b"\x01t",
                    b"",
                ]
            ),
            max_size=6,
        ).map(b"\t".join),
        max_size=8,
    )
)
def test_any_line_has_an_answer_of_the_protocol_or_ends_it(world, lines):
    mta = Mta(world)
    for line in lines:
        if mta.line.closed:
            break
        for told in mta.feed(line + b"\n").splitlines():
            assert told.split(b"\t")[0] in (b"OK", b"FAIL", b"CONT")
    mta.talk.closed()
