"""The commands behind the login (RFC 1939 §5, §7)."""

from __future__ import annotations

import pytest

from tests.support.pop3 import Pop3Client
from tests.support.responses import Exists, Expunge, Fetch

ONE = b"From: a@example.org\r\nSubject: one\r\n\r\nfirst\r\n.hidden\r\n..\r\nlast\r\n"
TWO = b"Subject: two\r\n\r\n"
THREE = b"Subject: three\r\n\r\nno end of the last line"


@pytest.fixture
def ann(world):
    world.deliver(ONE, TWO, THREE)
    return Pop3Client(world).login("ann")


def test_the_maildrop_is_counted_and_listed(ann):
    total = len(ONE) + len(TWO) + len(THREE)
    assert ann.ok(b"STAT") == f"3 {total}"
    assert ann.lines(b"LIST") == [
        f"1 {len(ONE)}",
        f"2 {len(TWO)}",
        f"3 {len(THREE)}",
    ]
    assert ann.ok(b"LIST 2") == f"2 {len(TWO)}"
    assert ann.ok(b"list  2 ") == f"2 {len(TWO)}"


def test_unique_ids_stay_and_are_those_of_imap(world, ann):
    ids = ann.lines(b"UIDL")
    imap = world.session("ann", b"INBOX")
    uidvalidity = world.runtime.run(_uidvalidity(world))
    assert ids == [f"{n} {uidvalidity:08x}{n:08x}" for n in (1, 2, 3)]
    assert ann.ok(b"UIDL 3") == ids[2]
    imap.ok(b"STORE 1 +FLAGS (\\Deleted)")
    imap.ok(b"EXPUNGE")
    later = Pop3Client(world).login("ann")
    assert [one.split()[1] for one in later.lines(b"UIDL")] == [
        one.split()[1] for one in ids[1:]
    ]


async def _uidvalidity(world):
    account = await world.store.account(world.store.directory.find("ann").id)
    status = await account.status("INBOX")
    await account.close()
    return status.uidvalidity


def test_messages_arrive_as_they_are_in_imap(world, ann):
    assert ann.content(b"RETR 1") == ONE
    assert ann.content(b"RETR 2") == TWO
    assert ann.content(b"RETR 3") == THREE + b"\r\n"  # else no line would end there
    session = world.session("ann", b"INBOX")
    rows = session.run(b"FETCH 1:3 BODY.PEEK[]").of(Fetch)
    assert [row.items["BODY[]"] for row in rows] == [ONE, TWO, THREE]


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (b"0", ONE[: ONE.index(b"first")]),
        (b"1", ONE[: ONE.index(b".hidden")]),
        (b"2", ONE[: ONE.index(b"..\r\n")]),
        (b"4", ONE),
        (b"99999999", ONE),
    ],
)
def test_top_gives_the_header_and_so_many_lines(ann, count, wanted):
    assert ann.content(b"TOP 1 " + count) == wanted


def test_top_of_a_message_without_body_or_header(world):
    world.deliver(b"Subject: alone\r\n", b"\r\nonly a body\r\n", b"")
    ann = Pop3Client(world).login()
    assert ann.content(b"TOP 1 5") == b"Subject: alone\r\n"
    assert ann.content(b"TOP 2 0") == b"\r\n"
    assert ann.content(b"TOP 2 1") == b"\r\nonly a body\r\n"
    assert ann.content(b"RETR 3") == b""


def test_what_is_marked_is_there_no_more_and_comes_back_with_rset(ann):
    ann.ok(b"DELE 2")
    assert ann.ok(b"STAT") == f"2 {len(ONE) + len(THREE)}"
    assert [one[0] for one in ann.lines(b"LIST")] == ["1", "3"]
    assert [one[0] for one in ann.lines(b"UIDL")] == ["1", "3"]
    for line in (b"DELE 2", b"RETR 2", b"LIST 2", b"UIDL 2", b"TOP 2 1"):
        assert ann.err(line) == "there is no such message"
    ann.ok(b"RSET")
    assert ann.content(b"RETR 2") == TWO
    assert ann.ok(b"STAT").startswith("3 ")


def test_nothing_goes_before_quit_and_nothing_without_it(world, ann):
    session = world.session("ann", b"INBOX")
    ann.ok(b"DELE 1")
    assert session.ok(b"NOOP").of(Expunge) == []
    ann.drop()
    again = Pop3Client(world).login()
    assert again.ok(b"STAT").startswith("3 ")
    again.ok(b"DELE 1")
    again.ok(b"DELE 3")
    assert again.ok(b"QUIT") == "goodbye, 2 removed"
    assert again.closed
    assert session.ok(b"NOOP").of(Expunge) == [Expunge(3), Expunge(1)]
    assert Pop3Client(world).login().ok(b"STAT") == f"1 {len(TWO)}"


def test_what_came_since_the_login_is_not_seen_and_not_removed(world, ann):
    world.deliver(b"Subject: four\r\n\r\n\r\n")
    for number in (b"1", b"2", b"3"):
        ann.ok(b"DELE " + number)
    assert ann.err(b"RETR 4") == "there is no such message"
    ann.ok(b"QUIT")
    assert Pop3Client(world).login().content(b"RETR 1") == b"Subject: four\r\n\r\n\r\n"


def test_what_others_remove_meanwhile_is_served_and_numbers_stay(world, ann):
    session = world.session("ann", b"INBOX")
    session.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    session.ok(b"EXPUNGE")
    assert ann.content(b"RETR 1") == ONE
    assert ann.content(b"RETR 2") == TWO
    ann.ok(b"DELE 1")
    ann.ok(b"DELE 2")
    ann.ok(b"QUIT")
    assert world.session("ann").ok(b"SELECT INBOX").of(Exists) == [Exists(1)]


def test_two_clients_at_once_keep_their_own_marks(world, ann):
    other = Pop3Client(world).login()
    ann.ok(b"DELE 1")
    other.ok(b"DELE 1")
    other.ok(b"DELE 2")
    assert ann.ok(b"STAT").startswith("2 ")
    ann.ok(b"QUIT")
    assert other.content(b"RETR 3") == THREE + b"\r\n"
    other.ok(b"QUIT")
    assert Pop3Client(world).login().ok(b"STAT") == f"1 {len(THREE)}"


def test_imap_sees_a_removal_at_once(world, ann):
    session = world.session("ann", b"INBOX")
    session.feed(b"i IDLE\r\n")
    ann.ok(b"DELE 2")
    ann.ok(b"QUIT")
    assert Expunge(2) in session.feed(b"DONE\r\n")


def flags_of(world):
    session = world.session("ann", b"INBOX")
    rows = session.run(b"FETCH 1:* FLAGS").of(Fetch)
    session.ok(b"LOGOUT")
    return ["\\Seen" in row.items["FLAGS"] for row in rows]


def test_what_was_retrieved_is_seen_however_the_session_ends(world, ann):
    ann.content(b"RETR 1")
    ann.content(b"TOP 2 99999999")
    assert flags_of(world) == [False, False, False]
    ann.drop()
    assert flags_of(world) == [True, False, False]
    other = Pop3Client(world).login()
    other.content(b"RETR 3")
    other.ok(b"RSET")
    other.ok(b"QUIT")
    assert flags_of(world) == [True, False, True]


def test_flags_stay_where_the_administrator_wants_that(world):
    world.deliver(ONE)
    ann = Pop3Client(world, mark_seen=False).login()
    ann.content(b"RETR 1")
    ann.ok(b"QUIT")
    assert flags_of(world) == [False]


def test_what_was_read_expires_and_nothing_else(world):
    world.deliver(ONE, TWO, THREE, ONE)
    session = world.session("ann", b"INBOX")
    session.ok(b"STORE 1,3 +FLAGS (\\Seen)")
    session.ok(b"STORE 3 +FLAGS (\\Flagged)")
    ann = Pop3Client(world, expire_days=7).login()
    assert "EXPIRE 7" in ann.lines(b"CAPA")
    ann.ok(b"QUIT")
    assert session.ok(b"NOOP").of(Expunge) == []
    world.runtime.advance(8 * 86_400)
    ann = Pop3Client(world, expire_days=7).login()
    ann.ok(b"QUIT")
    session = world.session("ann", b"INBOX")
    assert len(session.run(b"FETCH 1:* FLAGS").of(Fetch)) == 3


def test_messages_that_are_not_there(ann):
    for line in [
        b"LIST 0",
        b"LIST 4",
        b"LIST x",
        b"LIST -1",
        b"LIST 1 2",
        b"UIDL 4294967296",
        b"RETR",
        b"RETR 99999999999999999999",
        b"TOP 9 1",
        b"DELE",
        b"DELE 1.5",
    ]:
        assert ann.err(line) == "there is no such message"
    assert not ann.closed


def test_refusals(ann):
    for line in [
        b"STAT 1",
        b"NOOP 1",
        b"RSET 1",
        b"QUIT now",
        b"CAPA x",
        b"TOP 1",
        b"TOP 1 -1",
        b"TOP 1 1 1",
        b"LAST",
        b"",
        b"\xff\xfe",
    ]:
        ann.err(line)
        assert not ann.closed
    assert ann.ok(b"NOOP") == ""


def test_commands_of_the_other_state(ann):
    for line in [b"USER ann", b"STLS", b"UTF8", b"AUTH PLAIN"]:
        assert ann.err(line) == "not now"


def test_pipelined_commands_are_answered_in_order(ann):
    ann.feed(b"STAT\r\nDELE 1\r\nLIST\r\nRSET\r\nUIDL 2\r\nQUIT\r\n")
    kinds = [line[:3] for line in ann.raw.split(b"\r\n") if line[:1] in b"+-"]
    assert kinds[:3] == [b"+OK"] * 3
    assert ann.raw.endswith(b"+OK goodbye, 0 removed\r\n")
    assert ann.closed


def test_a_client_that_may_only_read_marks_and_removes_nothing(world):
    world.deliver(ONE)
    world.session("ann")
    id_ = world.store.directory.find("ann").id
    secret = world.store.directory.app_passwords.add(
        id_, "fetcher", now=0, protocols=("pop3",), readonly=True
    )
    ann = Pop3Client(world)
    ann.ok(b"USER ann")
    ann.ok(b"PASS " + secret.encode())
    assert ann.content(b"RETR 1") == ONE
    assert ann.err(b"DELE 1") == "[SYS/PERM] this login may only read"
    ann.ok(b"QUIT")
    assert flags_of(world) == [False]


def test_a_long_answer_waits_for_a_slow_client(world):
    message = b"Subject: long\r\n\r\n" + b"x" * 98 + b"\r\n"
    message += (b"y" * 98 + b"\r\n") * 10_000
    world.deliver(message)
    ann = Pop3Client(world).login()
    ann.slow = True
    ann.feed(b"RETR 1\r\n")
    pieces, got = 0, b""
    while not got.endswith(b"\r\n.\r\n"):
        assert len(ann.raw) <= 140_000
        got, ann.raw = got + ann.raw, b""
        pieces += 1
        ann.hungry()
        if not got.endswith(b"\r\n.\r\n"):
            world.runtime.advance(1)
    assert pieces > 10
    assert got == b"+OK %d octets\r\n%b.\r\n" % (len(message), message)


def test_the_server_says_no_word_into_a_message(world):
    world.deliver(b"Subject: long\r\n\r\n" + b"x" * 300_000)
    ann = Pop3Client(world).login()
    ann.slow = True
    ann.feed(b"RETR 1\r\n")
    ann.talk.shutdown()
    assert ann.closed
    assert b"-ERR" not in ann.raw


def test_the_server_says_why_it_ends(ann):
    ann.talk.shutdown("the server is stopping")
    assert ann.one() == "-ERR [SYS/TEMP] the server is stopping"
    assert ann.closed
