"""LMTP as a conversation: RFC 2033 and its extensions, on a real store."""

from __future__ import annotations

import pytest

from mailstore.delivery import Delivery
from mailstore.errors import OverQuota
from mailstore.quotas import QuotaLimits
from tests.support.session import PASSWORD, World
from tests.support.transfer import Mta, stored, without_way

HI = b"Subject: hi\r\nMessage-ID: <1@example.net>\r\n\r\nhi\r\n.dot\r\n"


def test_the_greeting_and_what_is_offered(world: World):
    mta = Mta(world)
    assert mta.greeting == [(220, "mail.example.org LMTP imapd")]
    assert mta.hello().splitlines() == [
        "mail.example.org",
        "PIPELINING",
        "SIZE 3000000",
        "8BITMIME",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "BINARYMIME",
        "SMTPUTF8",
    ]


def test_helo_and_ehlo_are_errors(world: World):
    assert Mta(world).say(b"EHLO client") == [502]
    assert Mta(world).say(b"HELO client") == [502]
    assert Mta(world).say(b"MAIL FROM:<>") == [503]


def test_each_recipient_has_an_answer_in_the_order_of_rcpt(mta: Mta, world: World):
    codes = mta.say(
        b"MAIL FROM:<bob@example.net> SIZE=50 BODY=8BITMIME",
        b"RCPT TO:<ann>",
        b"RCPT TO:<nobody>",
        b"RCPT TO:<bob>",
        b"DATA",
    )
    assert codes == [250, 250, 550, 250, 354]
    assert mta.feed(HI.replace(b"\r\n.", b"\r\n..") + b".\r\n") == [
        (250, "2.0.0 stored"),
        (250, "2.0.0 stored"),
    ]
    for name in ("ann", "bob"):
        (message,) = stored(world, name)
        assert without_way(message) == HI
        assert b"Delivered-To: %b\r\n" % name.encode() in message
    assert stored(world, "eve") == []


def test_all_of_a_session_in_one_packet_is_answered_in_two_writes(mta: Mta):
    mta.writes = 0
    mta.talk.receive(b"MAIL FROM:<>\r\nRCPT TO:<ann>\r\nDATA\r\n")
    assert mta.writes == 1
    mta.talk.receive(b"a: b\r\n\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
    assert mta.writes == 2
    assert [code for code, _ in mta.read()] == [250, 250, 354, 250, 250, 250, 221]
    assert mta.closed


def test_without_a_recipient_there_is_no_data(mta: Mta):
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<nobody>", b"DATA") == [250, 550, 503]
    assert mta.say(b"RSET", b"DATA", b"RCPT TO:<ann>") == [250, 503, 503]


def test_one_recipient_twice_gets_one_message_and_two_answers(mta: Mta, world: World):
    assert mta.send(b"ann", b"ANN", message=HI) == ["250 2.0.0 stored"] * 2
    assert len(stored(world)) == 1


def test_an_unknown_recipient_is_no_error_of_an_mta(mta: Mta):
    assert (
        mta.say(b"MAIL FROM:<>", *[b"RCPT TO:<x%d>" % n for n in range(50)])[-1] == 550
    )
    assert not mta.closed


def test_what_an_mta_sends_along_with_refused_recipients_is_no_error(
    mta: Mta, world: World
):
    for _ in range(30):
        codes = mta.say(b"MAIL FROM:<>", b"RCPT TO:<nobody>", b"DATA", b"RSET")
        assert codes == [250, 550, 503, 250]
    for _ in range(30):
        (answer,) = mta.send(b"ann", message=b"a: b\n\r\n")
        assert answer.startswith("554 ")
    assert stored(world) == []
    assert not mta.closed


def test_vrfy_knows_people(mta: Mta):
    assert mta.feed(b"VRFY ann\r\n") == [(250, "2.1.5 <ann>")]
    assert mta.say(b"VRFY <nobody>", b"VRFY", b"VRFY a@@b") == [550, 501, 501]


def test_the_other_verbs(mta: Mta):
    assert mta.say(b"NOOP x", b"HELP", b"RSET") == [250, 214, 250]
    assert mta.say(b"EXPN x", b"TURN", b"FOO", b"") == [502, 502, 500, 500]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (b"SIZE=2999999", 250),
        (b"SIZE=3000001", 552),
        (b"SIZE=x", 501),
        (b"SIZE", 501),
        (b"BODY=BINARYMIME", 250),
        (b"BODY=9BIT", 501),
        (b"SMTPUTF8", 250),
        (b"SMTPUTF8=yes", 501),
        (b"RET=FULL", 555),
    ],
)
def test_parameters_of_mail(mta: Mta, parameters: bytes, code: int):
    assert mta.say(b"MAIL FROM:<a@example.net> " + parameters) == [code]


def test_parameters_of_rcpt_are_not_offered(mta: Mta):
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<ann> NOTIFY=NEVER") == [250, 555]


def test_an_address_in_utf_8_wants_smtputf8(mta: Mta, world: World):
    world.store.directory.create("jürgen", PASSWORD)
    address = "<jürgen>".encode()
    assert mta.say(b"MAIL FROM:" + address) == [553]
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:" + address, b"RSET") == [250, 553, 250]
    assert mta.say(
        b"MAIL FROM:" + address + b" SMTPUTF8", b"RCPT TO:" + address, b"DATA"
    ) == [250, 250, 354]
    assert mta.say("Subject: grüße".encode(), b"", b".") == [250]
    (message,) = stored(world, "jürgen")
    assert message.startswith("Return-Path: <jürgen>\r\nDelivered-To: jürgen".encode())
    assert b" with UTF8LMTP id " in message


def test_a_message_is_too_big_at_its_end_alone(mta: Mta, world: World):
    answers = mta.send(b"ann", b"bob", message=b"x" * 78 + b"\r\n" * 1_500_000)
    assert answers == ["552 5.3.4 the message is too big"] * 2
    assert stored(world) == []
    assert mta.send(b"ann", message=HI) == ["250 2.0.0 stored"]


def test_far_too_much_ends_the_conversation(world: World):
    import dataclasses

    world.limits = dataclasses.replace(world.limits, literal_discard=4_000_000)
    mta = Mta(world)
    mta.hello()
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<ann>", b"DATA")[-1] == 354
    for _ in range(70):
        mta.talk.receive(b"x" * 65_536)
    assert mta.read() == [(521, "5.3.4 far too much for one message")]
    assert mta.closed


def test_a_connection_that_breaks_in_the_middle_leaves_nothing(mta: Mta, world: World):
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<ann>", b"DATA")[-1] == 354
    mta.talk.receive(b"Subject: half\r\n\r\n" + b"y" * 200_000)
    spool = world.store.path / "spool"
    assert len(list(spool.iterdir())) == 1
    mta.drop()
    assert list(spool.iterdir()) == []
    assert stored(world) == []


class Slow:
    """Holds up what is being stored until it is let go."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self._held = world.runtime.future()
        real = Delivery._store_in

        async def store_in(delivery, incoming, task, fields):
            await self._held
            return await real(delivery, incoming, task, fields)

        patch.setattr(Delivery, "_store_in", store_in)

    def let_go(self) -> None:
        self._held.succeed(None)


def test_a_message_that_is_being_stored_is_answered_before_the_end(
    mta: Mta, world: World, monkeypatch: pytest.MonkeyPatch
):
    slow = Slow(world, monkeypatch)
    assert mta.send(b"ann", message=HI) == []
    mta.talk.shutdown("bye")
    world.runtime.advance(1_000)  # and no silence of the client's
    assert mta.read() == []
    slow.let_go()
    assert mta.read() == [(250, "2.0.0 stored"), (421, "4.3.2 bye")]
    assert mta.closed


def test_a_message_that_is_whole_is_stored_though_its_client_is_gone(
    mta: Mta, world: World, monkeypatch: pytest.MonkeyPatch
):
    slow = Slow(world, monkeypatch)
    assert mta.send(b"ann", message=HI) == []
    mta.drop()
    slow.let_go()
    assert len(stored(world)) == 1
    assert list((world.store.path / "spool").glob("*")) == []


def test_commands_behind_a_message_wait_for_it(
    mta: Mta, world: World, monkeypatch: pytest.MonkeyPatch
):
    slow = Slow(world, monkeypatch)
    assert mta.send(b"ann", message=HI) == []
    assert mta.say(b"NOOP", b"QUIT") == []
    slow.let_go()
    assert [code for code, _ in mta.read()] == [250, 250, 221]


def test_a_server_that_stops_says_so(mta: Mta):
    mta.talk.shutdown("bye")
    assert mta.read() == [(421, "4.3.2 bye")]
    assert mta.closed


def test_a_full_account_is_tried_again_or_refused(world: World, monkeypatch):
    mta = Mta(world)
    mta.hello()

    def full(*_: object) -> None:
        raise OverQuota("there is no room")

    monkeypatch.setattr("mailstore.service.delivering.append", full)
    assert mta.send(b"ann", message=HI) == ["452 4.2.2 there is no room"]
    strict = Mta(world, refuse_over_quota=True)
    strict.hello()
    assert strict.send(b"ann", message=HI) == ["552 5.2.2 there is no room"]


def test_who_is_full_is_told_of_before_the_message_comes(world: World):
    async def limit() -> None:
        found = world.store.directory.find("bob")
        assert found is not None
        account = await world.store.account(found.id)
        await account.quota.set("", QuotaLimits(storage=1))
        await account.close()

    world.runtime.run(limit())
    mta = Mta(world)
    mta.hello()
    codes = mta.say(
        b"MAIL FROM:<> SIZE=1100", b"RCPT TO:<ann>", b"RCPT TO:<bob>", b"RSET"
    )
    assert codes == [250, 250, 452, 250]
    codes = mta.say(b"MAIL FROM:<>", b"RCPT TO:<bob>", b"RCPT TO:<bob+x>", b"RSET")
    assert codes == [250, 250, 250, 250]
    answers = mta.send(b"bob", b"ann", message=HI + b"x" * 1_100 + b"\r\n")
    assert [answer[:9] for answer in answers] == ["452 4.2.2", "250 2.0.0"]
    strict = Mta(world, lmtp=False, refuse_over_quota=True)
    strict.hello()
    assert strict.say(b"MAIL FROM:<> SIZE=1100", b"RCPT TO:<bob>") == [250, 552]


def test_what_is_logged_of_a_delivery(mta: Mta, world: World):
    mta.send(b"ann", b"bob", message=HI)
    found = [facts for kind, facts in world.log.events if kind == "delivery"]
    assert [one["recipient"] for one in found] == ["ann", "bob"]
    assert found[0]["sender"] == "bob@example.net"
    assert found[0]["code"] == 250
    assert found[0]["octets"] == len(HI)


def test_what_an_administrator_sees(mta: Mta):
    mta.say(b"NOOP")
    facts = mta.talk.facts()
    assert (facts.protocol, facts.address, facts.user) == ("lmtp", "192.0.2.7", "")
    assert facts.commands == 2
    assert facts.octets_in == len(b"LHLO client.example.net\r\nNOOP\r\n")


# -- CHUNKING and BINARYMIME (RFC 3030)


def test_chunks(mta: Mta, world: World):
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<ann>", b"RCPT TO:<bob>")[-1] == 250
    assert mta.feed(b"BDAT 14\r\nSubject: hi\r\n\r") == [(250, "2.0.0 14 octets")]
    assert mta.feed(b"BDAT 8 LAST\r\n\n.\r\n.\r\n!") == [(250, "2.0.0 stored")] * 2
    assert without_way(stored(world)[0]) == b"Subject: hi\r\n\r\n.\r\n.\r\n!"


def test_an_empty_last_chunk(mta: Mta, world: World):
    mta.say(b"MAIL FROM:<>", b"RCPT TO:<ann>")
    assert [c for c, _ in mta.feed(b"BDAT 5\r\na: b\nBDAT 0 LAST\r\n")] == [250, 554]
    mta.say(b"MAIL FROM:<> BODY=BINARYMIME", b"RCPT TO:<ann>")
    assert [c for c, _ in mta.feed(b"BDAT 6\r\na: b\n\0BDAT 0 LAST\r\n")] == [250, 250]
    # It is kept as it is; FETCH may send no NUL.
    assert without_way(stored(world)[0]) == b"a: b\n\x80"


def test_chunks_and_data_do_not_mix(mta: Mta):
    assert mta.say(b"MAIL FROM:<> BODY=BINARYMIME", b"RCPT TO:<ann>", b"DATA")[2] == 503
    mta.say(b"RSET", b"MAIL FROM:<>", b"RCPT TO:<ann>")
    assert [c for c, _ in mta.feed(b"BDAT 2\r\na:DATA\r\n")] == [250, 503]


def test_chunks_that_nobody_wants_are_passed_over(mta: Mta):
    answers = mta.feed(b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert [code for code, _ in answers] == [503, 503, 250]
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<nobody>") == [250, 550]
    answers = mta.feed(b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n")
    assert [code for code, _ in answers] == [503, 503, 250]
    assert mta.send(b"ann", message=HI) == ["250 2.0.0 stored"]


@pytest.mark.parametrize("argument", [b"", b" x", b" 5 FIRST", b" -5", b" 99999999999"])
def test_a_chunk_of_unknown_or_absurd_length_ends_it(mta: Mta, argument: bytes):
    assert mta.say(b"BDAT" + argument, b"NOOP")[-1] == 521
    assert mta.closed
