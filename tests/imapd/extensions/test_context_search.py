"""Results of SEARCH and SORT that are kept up to date (RFC 5267 §4)."""

import re
from collections.abc import Iterable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.extensions.context_search import CancelUpdate
from imapd.session import search_updates
from imapd.session.faults import Bad
from imapd.session.limits import Limits
from imapd.session.search_result import ReturnOption
from imapd.session.search_updates import FetchItems
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Esearch, Exists, Expunge, Fetch, Response, Status
from tests.support.session import Session, World


@pytest.mark.parametrize(
    "command", [b"SEARCH RETURN (%b) ALL", b"SORT RETURN (%b) (DATE) UTF-8 ALL"]
)
@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"update", (ReturnOption("UPDATE"),)),
        (b"CONTEXT COUNT", (ReturnOption("CONTEXT"), ReturnOption("COUNT"))),
        (b"UPDATE PARTIAL 1:5", None),
        (b"COUNT UPDATE (UID FLAGS)", None),
        (b"UPDATE (BODY.PEEK[HEADER.FIELDS (TO FROM)]) MIN", None),
    ],
)
def test_each_option_is_known(command, text, options):
    node = parsed(command % text)
    if options is not None:
        assert node.returns == options
    name = command.split(b" ")[0].decode()
    assert reparsed(name, node) == node


def test_update_may_name_what_is_told_of_new_messages():
    """RFC 5465 §7."""
    node = parsed(b"SEARCH RETURN (COUNT UPDATE (UID FLAGS)) ALL")
    items = parsed(b"FETCH 1 (UID FLAGS)").items
    assert node.returns == (
        ReturnOption("COUNT"),
        ReturnOption("UPDATE", FetchItems(items)),
    )


def test_cancelupdate_is_known():
    node = parsed(b'CANCELUPDATE "B01" "C 1" "B01"')
    assert node == CancelUpdate((b"B01", b"C 1"))
    assert reparsed("CANCELUPDATE", node) == node
    with pytest.raises(ValueError, match="one tag"):
        CancelUpdate(())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"CANCELUPDATE", "a space wanted"),
        (b"CANCELUPDATE B01", "a quoted string wanted"),
        (b'CANCELUPDATE "B01" ', "a quoted string wanted"),
        (b"SEARCH RETURN (UPDATE ()) ALL", "a fetch item wanted"),
        (b"SEARCH RETURN (UPDATE (NOTHING)) ALL", "a fetch item wanted"),
        (b"SEARCH RETURN (CONTEXT 1) ALL", "a return option wanted"),
    ],
)
def test_what_is_neither_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


MESSAGE = b"Subject: x\r\n\r\nbody"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.deliver(*[MESSAGE] * 5)
    yield made
    made.close()


def updates(found: Iterable[Response]) -> list[tuple[tuple[str, object], ...]]:
    return [one.data for one in found if isinstance(one, Esearch)]


def test_a_change_of_flags_is_followed(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    answer = ann.ok(b"UID SEARCH RETURN (UPDATE COUNT) DELETED")
    assert updates(answer.untagged) == [(("COUNT", 0),)]
    other.ok(b"STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    found = ann.ok(b"NOOP").untagged
    assert updates(found) == [(("ADDTO", ((0, (2, 4)),)),)]
    assert [one.number for one in found if isinstance(one, Fetch)] == [2, 4]
    (update,) = [one for one in found if isinstance(one, Esearch)]
    assert (update.tag, update.uid) == (answer.status.tag, True)
    # The client's own STORE is followed as well, and .SILENT hides nothing here.
    assert updates(ann.ok(b"STORE 4 -FLAGS.SILENT (\\Deleted)").untagged) == [
        (("REMOVEFROM", ((0, (4,)),)),)
    ]
    assert updates(ann.ok(b"NOOP").untagged) == []


def test_what_is_expunged_leaves_before_its_expunge(world):
    """RFC 5267 §4.3.4: while the numbers are valid."""
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"SEARCH RETURN (UPDATE) ALL")
    other.ok(b"STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    found = ann.ok(b"NOOP").untagged
    assert isinstance(found[0], Esearch)
    assert found[0].data == (("REMOVEFROM", ((0, (2, 4)),)),)
    assert [one.number for one in found if isinstance(one, Expunge)] == [4, 2]


def test_what_arrives_joins_behind_its_exists(world):
    """RFC 5267 §4.3.3."""
    ann = world.session(mailbox=b"INBOX")
    ann.ok(b"SEARCH RETURN (UPDATE) UNDELETED")
    world.deliver(MESSAGE)
    found = ann.ok(b"NOOP").untagged
    places = [type(one) for one in found]
    assert places.index(Exists) < places.index(Esearch)
    assert updates(found) == [(("ADDTO", ((0, (6,)),)),)]


def test_removals_are_told_while_expunges_wait(world):
    """RFC 5267 A.3: a context tells at once that a message is gone."""
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"SEARCH RETURN (UPDATE) ALL")
    other.ok(b"STORE 3 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    found = ann.ok(b"FETCH 1 UID").untagged
    assert updates(found) == [(("REMOVEFROM", ((0, (3,)),)),)]
    assert not [one for one in found if isinstance(one, Expunge)]
    found = ann.ok(b"NOOP").untagged
    assert updates(found) == []
    assert [one.number for one in found if isinstance(one, Expunge)] == [3]


def test_idle_tells_at_once(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"UID SEARCH RETURN (UPDATE) FLAGGED")
    ann.begin(b"IDLE")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert updates(ann.read()) == [(("ADDTO", ((0, (1,)),)),)]
    ann.feed(b"DONE\r\n")


def test_new_messages_come_with_what_was_asked_for(world):
    """RFC 5465 §7: EXISTS, then FETCH, then ESEARCH; not for a change of flags."""
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (SUBJECT)])) UNSEEN")
    world.deliver(b"Subject: good morning\r\n\r\n")
    found = [one for one in ann.ok(b"NOOP").untagged if not isinstance(one, Status)]
    assert [type(one).__name__ for one in found] == [
        "Exists",
        "Recent",
        "Fetch",
        "Esearch",
    ]
    fetch = cast("Fetch", found[2])
    assert fetch.number == 6
    assert fetch.items["UID"] == 6
    assert b"good morning" in cast(
        "bytes", fetch.items["BODY[HEADER.FIELDS (SUBJECT)]"]
    )
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)")
    ann.ok(b"NOOP")
    other.ok(b"STORE 1 -FLAGS.SILENT (\\Seen)")
    found = list(ann.ok(b"NOOP").untagged)
    assert [type(one).__name__ for one in found] == ["Fetch", "Esearch"]
    assert set(cast("Fetch", found[0]).items) == {"FLAGS"}


def test_a_tag_that_is_in_use_is_refused(world):
    ann = world.session(mailbox=b"INBOX")
    assert b"B01 OK" in raw(ann, b"B01 UID SEARCH RETURN (UPDATE) FLAGGED\r\n")
    assert raw(ann, b"B01 SORT RETURN (UPDATE) (DATE) UTF-8 ALL\r\n").startswith(
        b"B01 BAD "
    )
    assert b"B01 OK" in raw(ann, b"B01 SEARCH RETURN (COUNT) ALL\r\n")
    assert b"B02 OK" in raw(ann, b'B02 CANCELUPDATE "B01"\r\n')
    assert b"B01 OK" in raw(ann, b"B01 SEARCH RETURN (UPDATE) ALL\r\n")


def raw(session: Session, data: bytes) -> bytes:
    session.raw = b""
    session.feed(data)
    return session.raw


def test_cancelling_ends_the_updates(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    raw(ann, b"B01 SEARCH RETURN (UPDATE) FLAGGED\r\n")
    raw(ann, b"B02 SEARCH RETURN (UPDATE) FLAGGED\r\n")
    ann.no(b'CANCELUPDATE "B01" "B03"')
    ann.ok(b'CANCELUPDATE "B01"')
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    (found,) = ann.ok(b"NOOP").of(Esearch)
    assert found.tag == "B02"
    ann.no(b'CANCELUPDATE "B01"')


def test_selecting_ends_the_updates(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    raw(ann, b"B01 SEARCH RETURN (UPDATE) FLAGGED\r\n")
    ann.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert updates(ann.ok(b"NOOP").untagged) == []
    ann.no(b'CANCELUPDATE "B01"')


def test_too_many_are_answered_and_not_followed(tmp_path):
    """RFC 5267 §4.3.1."""
    made = World(tmp_path, limits=Limits(search_updates=1))
    made.deliver(MESSAGE)
    ann = made.session(mailbox=b"INBOX")
    ann.ok(b"SEARCH RETURN (UPDATE) FLAGGED")
    answer = ann.ok(b"UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL")
    assert updates(answer.untagged) == [(("COUNT", 1),)]
    (refusal,) = answer.of(Status)
    assert (refusal.kind, refusal.code and refusal.code.name) == ("NO", "NOUPDATE")
    assert refusal.code is not None
    assert refusal.code.value == answer.status.tag
    made.close()


def test_only_so_many_messages_are_kept(world, monkeypatch):
    """RFC 5267 §4.3.1: one search goes on always, others while there is room."""
    monkeypatch.setattr(search_updates, "_MOST_KEPT", 7)
    ann = world.session(mailbox=b"INBOX")
    for keys, refused in ((b"ALL", 0), (b"1:2", 0), (b"3", 1), (b"DRAFT", 0)):
        answer = ann.ok(b"SEARCH RETURN (UPDATE) " + keys)
        assert len(answer.of(Status)) == refused


def test_message_numbers_mean_what_they_meant(world):
    """RFC 5267 §4.3: those of the moment of the command."""
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"UID SEARCH RETURN (UPDATE) 2:4 UNSEEN")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    world.deliver(MESSAGE)
    assert updates(ann.ok(b"NOOP").untagged) == []
    other.ok(b"UID STORE 2,5 +FLAGS.SILENT (\\Seen)")
    assert updates(ann.ok(b"NOOP").untagged) == [(("REMOVEFROM", ((0, (2,)),)),)]


def test_a_star_goes_on(world):
    ann = world.session(mailbox=b"INBOX")
    ann.ok(b"UID SEARCH RETURN (UPDATE) UID 3:*")
    world.deliver(MESSAGE)
    assert updates(ann.ok(b"NOOP").untagged) == [(("ADDTO", ((0, (6,)),)),)]


def test_time_goes_on_now_and_then(world):
    """RFC 5032 §2: updates for the sake of the time may be late."""
    ann = world.session(mailbox=b"INBOX")
    (found,) = ann.ok(b"UID SEARCH RETURN (UPDATE ALL) YOUNGER 100").of(Esearch)
    assert found["ALL"] == (1, 2, 3, 4, 5)
    world.runtime.advance(90)
    world.deliver(MESSAGE)
    assert updates(ann.ok(b"NOOP").untagged) == [(("ADDTO", ((0, (6,)),)),)]
    world.runtime.advance(61)
    assert updates(ann.ok(b"NOOP").untagged) == [
        (("REMOVEFROM", ((0, (1, 2, 3, 4, 5)),)),)
    ]


def test_a_page_is_told_once_and_all_changes_after_it(world):
    """RFC 9394 §3.1: PARTIAL and UPDATE do not interact."""
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"UID SEARCH RETURN (UPDATE PARTIAL 1:2) UNSEEN")
    other.ok(b"UID STORE 5 +FLAGS.SILENT (\\Seen)")
    assert updates(ann.ok(b"NOOP").untagged) == [(("REMOVEFROM", ((0, (5,)),)),)]


def test_esearch_follows_the_selected_mailbox_alone(world):
    """RFC 7377 §2.2."""
    ann, other = world.session(), world.session(mailbox=b"INBOX")
    ann.bad(b"ESEARCH IN (mailboxes INBOX) RETURN (UPDATE) ALL")
    ann.ok(b"SELECT INBOX")
    ann.bad(b"ESEARCH IN (mailboxes Trash) RETURN (UPDATE) ALL")
    ann.ok(b"ESEARCH IN (personal) RETURN (UPDATE CONTEXT) FLAGGED")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert updates(ann.ok(b"NOOP").untagged) == [(("ADDTO", ((0, (1,)),)),)]


class Mirror:
    """What a client keeps that follows the responses, in numbers or UIDs."""

    def __init__(self, session: Session, command: bytes, *, by_uid: bool) -> None:
        self.by_uid = by_uid
        answer = session.ok(command)
        (first,) = answer.of(Esearch)
        self.tag = first.tag
        self.items = [*cast("Any", dict(first.data).get("ALL", ()))]

    def follow(self, found: Iterable[Response]) -> None:
        for one in found:
            if isinstance(one, Expunge) and not self.by_uid:
                assert one.number not in self.items
                self.items = [n - (n > one.number) for n in self.items]
            elif isinstance(one, Esearch) and one.tag == self.tag:
                for name, pairs in one.data:
                    for position, some in cast("Any", pairs):
                        self._change(name, position, some)

    def _change(self, name: str, position: int, some: tuple[int, ...]) -> None:
        if position == 0:
            if name == "ADDTO":
                assert not set(some) & set(self.items)
                self.items = sorted({*self.items, *some})
            else:
                assert set(some) <= set(self.items)
                self.items = [one for one in self.items if one not in some]
        elif name == "ADDTO":
            assert position <= len(self.items) + 1
            self.items[position - 1 : position - 1] = some
        else:
            end = position - 1 + len(some)
            assert self.items[position - 1 : end] == [*some]
            del self.items[position - 1 : end]


places = st.integers(1, 8)
flags = st.sampled_from([b"\\Seen", b"\\Flagged", b"\\Deleted", b"x"])
steps = st.one_of(
    st.tuples(st.just("deliver"), st.integers(1, 60)),
    st.tuples(st.sampled_from(["+", "-"]), places, flags, st.booleans()),
    st.tuples(st.just("expunge"), st.booleans()),
    st.tuples(st.just("hold")),
    st.tuples(st.just("look")),
)
SEARCHES = [
    (b"SEARCH RETURN (UPDATE ALL) %b", b"SEARCH RETURN (ALL) %b"),
    (
        b"SORT RETURN (UPDATE ALL) (REVERSE SIZE) UTF-8 %b",
        b"SORT RETURN (ALL) (REVERSE SIZE) UTF-8 %b",
    ),
    (
        b"SORT RETURN (UPDATE ALL) (MODSEQ) UTF-8 %b",
        b"SORT RETURN (ALL) (MODSEQ) UTF-8 %b",
    ),
]
KEYS = [
    b"ALL",
    b"FLAGGED UNSEEN",
    b"OR SEEN KEYWORD x",
    b"LARGER 40",
    b"UID 3:*",
    b"NEW",
]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SEARCHES),
    st.sampled_from(KEYS),
    st.booleans(),
    st.lists(steps, max_size=25),
)
def test_updates_give_what_a_new_search_gives(
    tmp_path_factory, search, keys, by_uid, done
):
    world = World(tmp_path_factory.mktemp("live"))
    world.deliver(
        *[b"Subject: x\r\n\r\n" + b"y" * (size * 7 % 50) for size in range(5)]
    )
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    live, fresh = [(b"UID " if by_uid else b"") + text % keys for text in search]
    mirror = Mirror(ann, live, by_uid=by_uid)
    for step in [*done, ("look",)]:
        follow(step, world, ann, other, mirror)
        if step == ("look",):
            mirror.follow(ann.ok(b"NOOP").untagged)
            answer = ann.ok(fresh)
            wanted = next(one for one in answer.of(Esearch) if one.tag != mirror.tag)
            mirror.follow(answer.untagged)
            assert mirror.items == [*cast("Any", dict(wanted.data).get("ALL", ()))]
    world.close()


def follow(
    step: tuple[Any, ...], world: World, ann: Session, other: Session, mirror: Mirror
) -> None:
    match step:
        case ("deliver", size):
            world.deliver(b"Subject: x\r\n\r\n" + b"y" * size)
        case (("+" | "-") as sign, place, flag, own):
            text = b"UID STORE %d %bFLAGS (%b)" % (place, sign.encode(), flag)
            found = (ann if own else other).ok(text).untagged
            if own:
                mirror.follow(found)
        case ("expunge", own):
            found = (ann if own else other).ok(b"EXPUNGE").untagged
            if own:
                mirror.follow(found)
        case ("hold",):
            mirror.follow(ann.run(b"FETCH 1 UID").untagged)
        case _:
            pass


def test_no_more_is_told_of_new_messages_than_fetch_would(world):
    ann = world.session(mailbox=b"INBOX")
    most = Limits().fetch_items
    ann.ok(b"SEARCH RETURN (UPDATE (%b)) ALL" % b" ".join([b"UID"] * most))
    many = b" ".join([b"BODY.PEEK[]"] * (most + 1))
    ann.no(b"SEARCH RETURN (UPDATE (%b)) ALL" % many, "LIMIT")
    assert len(ann.connection.session.selected.view.follower) == 1
