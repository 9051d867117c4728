"""Postfix's socketmap protocol, octet by octet."""

from __future__ import annotations

import pytest

from imapd.doors.names import mailbox_of
from imapd.doors.socketmap import Socketmap
from imapd.session.state import Peer
from mailstore.delivery import Delivery
from mailstore.errors import InvalidName, Unavailable
from mailstore.quotas import QuotaLimits
from tests.support.asking import Asking


class Mta:
    def __init__(self, world, **how):
        self.line = Asking(world)
        self.delivery = Delivery(world.store, world.runtime, mailbox_of)
        self.talk = Socketmap(
            world.services, self.delivery, self.line, Peer("unix"), **how
        )
        self.talk.start()

    def feed(self, data):
        self.talk.receive(data)
        return self.line.taken()

    def ask(self, text):
        data = text.encode()
        answer = self.feed(b"%d:%b," % (len(data), data))
        size, _, rest = answer.partition(b":")
        assert len(rest) == int(size) + 1
        assert rest.endswith(b",")
        return rest[:-1].decode()


@pytest.fixture
def mta(world):
    directory = world.store.directory
    ann, bob = directory.find("ann").id, directory.find("bob").id
    directory.addresses.add_domain("example.org")
    directory.addresses.add_alias("sales@example.org", ann)
    directory.addresses.add_alias("sales@example.org", bob)
    directory.addresses.add_alias("ann@example.org", ann)
    directory.addresses.add_domain("all.example")
    directory.addresses.add_alias("@all.example", bob)
    return Mta(world)


def test_the_server_says_nothing_first(mta):
    assert mta.line.raw == b""


def test_octets(mta):
    assert mta.feed(b"23:mailbox ann@example.org,") == b"6:OK ann,"
    assert mta.feed(b"19:mailbox x@other.org,") == b"9:NOTFOUND ,"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("mailbox ann@example.org", "OK ann"),
        ("mailbox ANN+lists@Example.ORG", "OK ann"),
        ("mailbox sales@example.org", "OK sales@example.org"),
        ("mailbox who@all.example", "OK bob"),
        ("mailbox @all.example", "NOTFOUND "),
        ("mailbox nobody@example.org", "NOTFOUND "),
        ("mailbox ", "NOTFOUND "),
        ("mailbox", "NOTFOUND "),
        ("domain example.org", "OK example.org"),
        ("domain EXAMPLE.org", "OK EXAMPLE.org"),
        ("domain other.org", "NOTFOUND "),
        ("domain ..", "NOTFOUND "),
        ("senders sales@example.org", "OK ann,bob"),
        ("senders ann@example.org", "OK ann"),
        ("senders x@other.org", "NOTFOUND "),
        ("elsewhere x", "PERM there is no such map"),
    ],
)
def test_answers(mta, question, answer):
    assert mta.ask(question) == answer


def test_a_disabled_account_has_no_mailbox(world, mta):
    world.store.directory.set_disabled("ann", disabled=True)
    assert mta.ask("mailbox ann@example.org") == "NOTFOUND "
    assert mta.ask("senders sales@example.org") == "OK bob"


def test_postfix_takes_no_part_of_a_name_for_another(world, mta):
    """smtpd_sender_login_maps: names end at a comma or a space, quoted or not."""
    directory = world.store.directory
    for name in ("x,bob", "ann bob"):
        directory.create(name, None)
        id_ = directory.find(name).id
        directory.addresses.add_alias("odd@example.org", id_)
        directory.addresses.add_alias("sales@example.org", id_)
    assert mta.ask("senders sales@example.org") == "OK ann,bob"
    # They get the mail; to send is nobody's, and no longer everybody's.
    assert mta.ask("senders odd@example.org") == "OK /"
    assert mta.ask("mailbox odd@example.org") == "OK odd@example.org"
    with pytest.raises(InvalidName):
        directory.create("/", None)


def test_a_store_in_trouble_is_no_missing_mailbox(mta, monkeypatch):
    def fail(_: str) -> None:
        raise Unavailable

    monkeypatch.setattr(mta.delivery, "recipient", fail)
    assert mta.ask("mailbox ann@example.org").startswith("TEMP ")


def test_questions_come_as_they_like(mta):
    both = b"23:mailbox ann@example.org,18:domain example.org,"
    whole = mta.feed(both)
    assert whole == b"6:OK ann,14:OK example.org,"
    pieces = b"".join(mta.feed(both[at : at + 1]) for at in range(len(both)))
    assert pieces == whole


def test_octets_that_are_no_text(mta):
    assert mta.feed(b"9:mailbox \xff,") == b"9:NOTFOUND ,"


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"01:a,",
        b"3:abcd",
        b"10001:",
        b"999999999:",
        b"9999999999",
        b"-1:",
        b",",
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_what_is_no_netstring_ends_the_connection(mta, data):
    assert b"PERM" in mta.feed(data)
    assert mta.line.closed


def test_a_silent_mta_stays_connected(world, mta):
    world.runtime.advance(100_000)
    assert not mta.line.closed


def test_a_full_mailbox_is_told_before_mail_comes(world, mta):
    limit(world, "ann", 1)
    assert mta.ask("full ann@example.org") == "NOTFOUND "
    world.deliver(b"a: b\r\n\r\n", name="ann")
    told = "OK 452 4.2.2 the mailbox is full"
    assert mta.ask("full ann@example.org") == told
    assert mta.ask("full sales@example.org") == "NOTFOUND "  # bob has room
    strict = Mta(world, refuse_over_quota=True)
    assert strict.ask("full ann@example.org") == told.replace("452 4.2.2", "552 5.2.2")
    assert mta.ask("full nobody@example.org") == "NOTFOUND "


def limit(world, name, kibibytes):
    async def work():
        account = await world.store.account(world.store.directory.find(name).id)
        await account.quota.set("", QuotaLimits(storage=kibibytes))
        await account.close()

    world.runtime.run(work())
