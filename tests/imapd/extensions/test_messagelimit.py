"""Commands over many messages where a bound is set (RFC 9738)."""

import re
from collections.abc import Callable, Iterator

import pytest

from imapd.commands.search.handler import Search
from imapd.extensions.messagelimit import UidSideKey
from imapd.session.faults import Bad
from imapd.session.limits import Limits
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import (
    Capabilities,
    Esearch,
    Expunge,
    Fetch,
    SearchResult,
    SortResult,
    Status,
    Threads,
)
from tests.support.session import Answer, Session, World

Make = Callable[[Limits], Session]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"UIDAFTER 25000", UidSideKey(25_000, after=True)),
        (b"uidbefore 1", UidSideKey(1, after=False)),
        (b"UIDAFTER 4294967295", UidSideKey(4_294_967_295, after=True)),
    ],
)
def test_each_key_is_known(text, key):
    node = parsed(b"SEARCH " + text)
    assert node == Search((key,))
    assert reparsed("SEARCH", node) == node


@pytest.mark.parametrize(
    "text", [b"UIDAFTER", b"UIDAFTER 0", b"UIDBEFORE *", b"UIDBEFORE 1:2"]
)
def test_what_is_no_uid_is_refused(text):
    with pytest.raises(Bad):
        parsed(b"SEARCH " + text)


def test_a_key_has_a_uid():
    with pytest.raises(ValueError, match="UID"):
        UidSideKey(0, after=True)


@pytest.fixture
def make(tmp_path) -> Iterator[Make]:
    worlds: list[World] = []

    def made(limits: Limits) -> Session:
        world = World(tmp_path, limits=limits)
        worlds.append(world)
        world.deliver(*[b"Subject: x\r\n\r\n"] * 6)
        return world.session(mailbox=b"INBOX")

    yield made
    for world in worlds:
        world.close()


@pytest.fixture
def ann(make: Make) -> Session:
    """A session with six messages and a bound of four."""
    return make(Limits(message_limit=4))


def limit_of(answer: Answer) -> object:
    code = answer.status.code
    return code.value if code is not None and code.name == "MESSAGELIMIT" else None


def capabilities(session: Session) -> set[str]:
    (found,) = session.ok(b"CAPABILITY").of(Capabilities)
    return {one for one in found.names if "LIMIT=" in one and "APPEND" not in one}


def test_a_bound_that_is_set_is_told(make):
    assert capabilities(make(Limits())) == set()


def test_the_bound_of_all_commands_is_told(make):
    assert capabilities(make(Limits(message_limit=4, save_limit=3))) == {
        "MESSAGELIMIT=4"
    }


def test_the_bound_of_saving_is_told(make):
    assert capabilities(make(Limits(save_limit=4))) == {"SAVELIMIT=4"}


def test_fetch_answers_for_the_highest_uids(ann):
    answer = ann.ok(b"FETCH 1:6 UID")
    assert [one.number for one in answer.of(Fetch)] == [3, 4, 5, 6]
    assert limit_of(answer) == "4 3"
    assert limit_of(ann.ok(b"UID FETCH 1:5 FLAGS")) == "4 2"
    assert limit_of(ann.ok(b"UID FETCH 1:4 FLAGS")) is None


def test_a_page_that_is_too_large_is_refused(ann):
    """RFC 9738 §3.1: the client chose it, so that no work is done."""
    answer = ann.no(b"UID FETCH 1:6 FLAGS (PARTIAL -1:-5)", "MESSAGELIMIT")
    assert (limit_of(answer), answer.untagged) == ("4", ())
    assert len(ann.ok(b"UID FETCH 1:6 FLAGS (PARTIAL -1:-4)").of(Fetch)) == 4


def test_store_changes_the_highest_uids(ann):
    answer = ann.ok(b"UID STORE 1:6 +FLAGS (\\Seen)")
    assert limit_of(answer) == "4 3"
    assert ann.ok(b"SEARCH 3:6 SEEN").of(SearchResult) == [SearchResult((3, 4, 5, 6))]
    assert ann.ok(b"SEARCH 1:2 SEEN").of(SearchResult) == [SearchResult(())]
    assert limit_of(ann.ok(b"UID STORE 1:2 +FLAGS.SILENT (\\Seen)")) is None


def test_copy_is_refused_as_a_whole(ann):
    answer = ann.no(b"UID COPY 1:6 Trash", "MESSAGELIMIT")
    assert limit_of(answer) == "4 3"
    assert b"MESSAGES 0" in ann.ok(b"STATUS Trash (MESSAGES)").raw
    ann.ok(b"COPY 2:5 Trash")


def test_move_moves_the_highest_uids_and_may_be_sent_again(ann):
    answer = ann.ok(b"UID MOVE 1:6 Trash")
    assert limit_of(answer) == "4 3"
    assert [one.number for one in answer.of(Expunge)] == [6, 5, 4, 3]
    assert limit_of(ann.ok(b"UID MOVE 1:6 Trash")) is None
    assert b"MESSAGES 6" in ann.ok(b"STATUS Trash (MESSAGES)").raw


def test_uid_expunge_counts_what_is_deleted(ann):
    ann.ok(b"STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    assert limit_of(ann.ok(b"UID EXPUNGE 1:6")) is None
    assert len(ann.ok(b"SEARCH ALL").of(SearchResult)[0].numbers) == 3


def test_uid_expunge_removes_the_highest_and_may_be_sent_again(ann):
    ann.ok(b"STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    ann.ok(b"STORE 4:5 +FLAGS.SILENT (\\Deleted)")
    answer = ann.ok(b"UID EXPUNGE 1:6")
    assert limit_of(answer) == "4 2"
    assert len(answer.of(Expunge)) == 4
    assert limit_of(ann.ok(b"UID EXPUNGE 1:6")) is None


def test_expunge_and_close_know_no_bound(ann):
    ann.ok(b"STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    ann.ok(b"STORE 4:6 +FLAGS.SILENT (\\Deleted)")
    assert len(ann.ok(b"EXPUNGE").of(Expunge)) == 6


def test_search_counts_what_it_looks_at(ann):
    """RFC 9738 §3.1: not what it finds."""
    ann.ok(b"STORE 1:3 +FLAGS.SILENT (\\Seen)")
    answer = ann.ok(b"UID SEARCH SEEN")
    assert answer.of(SearchResult) == [SearchResult((3,))]
    assert limit_of(answer) == "4 3"
    answer = ann.ok(b"UID SEARCH UID 1:3 SEEN")
    assert answer.of(SearchResult) == [SearchResult((1, 2, 3))]
    assert limit_of(answer) is None
    assert limit_of(ann.ok(b"UID SEARCH UIDBEFORE 6 ALL")) == "4 2"
    assert limit_of(ann.ok(b"SEARCH UIDBEFORE 3 1:6 SEEN")) is None


def test_what_is_saved_is_what_was_looked_at(ann):
    """RFC 9738 §3.4."""
    answer = ann.ok(b"UID SEARCH RETURN (SAVE COUNT) ALL")
    assert answer.of(Esearch)[0]["COUNT"] == 4
    assert limit_of(answer) == "4 3"
    assert limit_of(ann.ok(b"FETCH $ UID")) is None


def test_an_order_is_one_of_the_messages_that_were_looked_at(ann):
    """RFC 9738 §3.3."""
    answer = ann.ok(b"SORT RETURN (COUNT) (DATE) UTF-8 ALL")
    assert (answer.of(Esearch)[0]["COUNT"], limit_of(answer)) == (4, "4 3")
    answer = ann.ok(b"UID SORT (REVERSE UID) UTF-8 UID 1:2")
    assert answer.of(SortResult)[0].numbers == (2, 1)
    assert limit_of(answer) is None


def test_threads_are_not_told_in_part(ann):
    """RFC 9738 §3.3: threads of some of the messages would be other ones."""
    answer = ann.no(b"THREAD REFERENCES UTF-8 ALL", "MESSAGELIMIT")
    assert limit_of(answer) == "4"
    ann.no(b"UID THREAD REFERENCES UTF-8 SUBJECT x", "MESSAGELIMIT")
    assert ann.ok(b"UID THREAD REFERENCES UTF-8 UID 1:4").of(Threads)


def test_a_search_of_mailboxes_tells_a_uid_of_one_alone(ann):
    assert limit_of(ann.ok(b"ESEARCH ALL")) == "4 3"
    answer = ann.ok(b"ESEARCH IN (personal) RETURN (COUNT) ALL")
    assert (answer.of(Esearch)[0]["COUNT"], limit_of(answer)) == (4, "4")


def append(count: int) -> bytes:
    return b"APPEND INBOX" + b" {3+}\r\nx\r\n" * count


def test_append_is_refused_as_a_whole(ann):
    answer = ann.no(append(5), "MESSAGELIMIT")
    assert limit_of(answer) == "4"
    ann.ok(append(4))


def test_a_bound_of_saving_is_one_of_copy_and_append(make):
    ann = make(Limits(save_limit=4))
    assert limit_of(ann.no(b"COPY 1:6 Trash", "MESSAGELIMIT")) == "4 3"
    ann.no(append(5), "MESSAGELIMIT")
    for command in (
        b"FETCH 1:6 UID",
        b"STORE 1:6 +FLAGS (x)",
        b"SEARCH ALL",
        b"UID MOVE 1:6 Trash",
    ):
        assert limit_of(ann.ok(command)) is None


def test_without_a_bound_there_is_none(make):
    ann = make(Limits())
    for command in (
        b"FETCH 1:6 UID",
        b"STORE 1:6 +FLAGS (x)",
        b"COPY 1:6 Trash",
        b"SEARCH ALL",
    ):
        answer = ann.ok(command)
        assert re.search(rb"MESSAGELIMIT", answer.raw) is None


def test_a_code_that_is_due_besides_stands_before_the_reply(tmp_path):
    """RFC 9738 §3.1: EXPUNGEISSUED in the reply, MESSAGELIMIT untagged."""
    world = World(tmp_path, limits=Limits(message_limit=4))
    world.deliver(*[b"Subject: x\r\n\r\n"] * 6)
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    other.ok(b"STORE 5 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    answer = ann.ok(b"STORE 1:6 +FLAGS (\\Seen)")
    assert answer.code == "EXPUNGEISSUED"
    (told,) = [one for one in answer.of(Status) if one.kind == "NO"]
    assert told.code is not None
    assert (told.code.name, told.code.value) == ("MESSAGELIMIT", "4 3")
    world.close()
