"""CONDSTORE as text, and what it changes and tells (RFC 7162 §3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.fetch.handler import Fetch as FetchNode
from imapd.commands.fetch.items import FLAGS
from imapd.commands.search.handler import Search
from imapd.commands.select import Select
from imapd.commands.store import Store, StoreFlags
from imapd.extensions.condstore import Condstore, ModseqKey, UnchangedSince
from imapd.session.faults import Bad
from imapd.session.modseq import MODSEQ, ChangedSince
from imapd.session.search_program import NumberKey
from imapd.syntax.sequence import SequenceSet, UidSet
from mailstore.model import FlagChange, FlagOperation
from tests.imapd.commands import strategies
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import (
    Code,
    Enabled,
    Esearch,
    Fetch,
    SearchResult,
    Status,
    StatusLine,
)
from tests.support.session import Answer, Session, World

ONE = SequenceSet(((1, 1),))
ADD_SEEN = FlagChange(FlagOperation.ADD, ("\\Seen",))
MOST = 9_223_372_036_854_775_807

# -- grammar

NODES = [
    (b"SELECT INBOX (CONDSTORE)", Select(b"INBOX", False, (Condstore(),))),
    (b"examine INBOX (condstore)", Select(b"INBOX", True, (Condstore(),))),
    (b"FETCH 1 MODSEQ", FetchNode(ONE, (MODSEQ,))),
    (
        b"FETCH 1 (FLAGS) (CHANGEDSINCE 12345)",
        FetchNode(ONE, (FLAGS,), (ChangedSince(12_345),)),
    ),
    (b"fetch 1 flags (changedsince 0)", FetchNode(ONE, (FLAGS,), (ChangedSince(0),))),
    (
        b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Seen)" % MOST,
        Store(ONE, StoreFlags(ADD_SEEN, silent=True), (UnchangedSince(MOST),)),
    ),
    (
        b"UID STORE 1 (unchangedsince 0) +FLAGS \\Seen",
        Store(UidSet(((1, 1),)), StoreFlags(ADD_SEEN), (UnchangedSince(0),)),
    ),
    (b"SEARCH MODSEQ 620162338", Search((ModseqKey(620_162_338),))),
    (
        b'SEARCH MODSEQ "/flags/\\\\draft" all 0 1',
        Search((ModseqKey(0, (b"/flags/\\draft", "ALL")), NumberKey(ONE))),
    ),
    (
        b'UID SEARCH MODSEQ "/FLAGS/$MDNSent" Priv 7',
        Search((ModseqKey(7, (b"/FLAGS/$MDNSent", "PRIV")),), None, UidSet),
    ),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    name = " ".join(text.decode().upper().split()[: 2 if text[:3] == b"UID" else 1])
    assert parsed(text) == node
    assert reparsed(name, node) == node


REFUSED = [
    (b"SELECT INBOX (CONDSTORE 1)", "a parameter of SELECT wanted at octet 26"),
    (b"SELECT INBOX (CONDSTORE CONDSTORE)", "CONDSTORE once wanted at octet 26"),
    (b"FETCH 1 FLAGS (CHANGEDSINCE)", "a space wanted at octet 29"),
    (b"FETCH 1 FLAGS (CHANGEDSINCE x)", "a number wanted at octet 30"),
    (b"FETCH 1 FLAGS (CHANGEDSINCE -1)", "a number wanted at octet 30"),
    (
        b"FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
        "a number up to 9223372036854775807 wanted at octet 30",
    ),
    (
        b"FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
        "CHANGEDSINCE once wanted at octet 32",
    ),
    (b"STORE 1 (UNCHANGEDSINCE 1)", "a space wanted at octet 28"),
    (b"STORE 1 (UNCHANGEDSINCE) FLAGS (a)", "a space wanted at octet 25"),
    (
        b"STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) FLAGS (a)",
        "UNCHANGEDSINCE once wanted at octet 28",
    ),
    (b"SEARCH MODSEQ", "a space wanted at octet 15"),
    (b"SEARCH MODSEQ ALL", "a number wanted at octet 16"),
    (b'SEARCH MODSEQ "/comment" all 1', "an entry name like"),
    (b'SEARCH MODSEQ "/flags/" all 1', "an entry name like"),
    (b'SEARCH MODSEQ "/flags/x" 1', "priv, shared or all wanted at octet 27"),
    (b'SEARCH MODSEQ "/flags/x" both 1', "priv, shared or all wanted at octet 27"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_modifier_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


modseqs = st.integers(0, MOST)
entries = st.tuples(
    strategies.atoms.map(lambda flag: b"/flags/" + flag.encode()),
    st.sampled_from(["PRIV", "SHARED", "ALL"]),
)


@given(
    strategies.sets,
    st.lists(strategies.fetch_items | st.just(MODSEQ), min_size=1).map(tuple),
    st.builds(ChangedSince, modseqs),
)
def test_fetch_parses_what_it_writes(messages, items, modifier):
    node = FetchNode(messages, items, (modifier,))
    name = "UID FETCH" if isinstance(messages, UidSet) else "FETCH"
    assert reparsed(name, node) == node


@given(strategies.sets, strategies.changes, st.booleans(), modseqs)
def test_store_parses_what_it_writes(messages, change, silent, modseq):
    node = Store(messages, StoreFlags(change, silent), (UnchangedSince(modseq),))
    name = "UID STORE" if isinstance(messages, UidSet) else "STORE"
    assert reparsed(name, node) == node


@given(st.builds(ModseqKey, modseqs, st.none() | entries))
def test_search_parses_what_it_writes(key):
    assert reparsed("SEARCH", Search((key,))) == Search((key,))


def test_an_entry_is_one_of_a_flag():
    with pytest.raises(ValueError, match="/flags/"):
        ModseqKey(1, (b"/comment", "ALL"))
    with pytest.raises(ValueError, match="priv"):
        ModseqKey(1, (b"/flags/x", "EVERY"))


# -- who is told mod-sequences, and from when


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(*(b"Subject: %d\r\n\r\nx\r\n" % n for n in range(4)))
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session(mailbox=b"INBOX")


def modseq_of(session: Session, number: int) -> int:
    (fetch,) = session.ok(b"FETCH %d MODSEQ" % number).of(Fetch)
    return fetch.typed("MODSEQ", int)


def highest(answer: Answer) -> list[object]:
    """Give the HIGHESTMODSEQs that were told untagged."""
    codes = [one.code for one in answer.of(Status)]
    return [code.value for code in codes if code and code.name == "HIGHESTMODSEQ"]


def test_select_tells_the_highest_mod_sequence(world):
    session = world.session()
    answer = session.ok(b"SELECT INBOX")
    (told,) = highest(answer)
    assert isinstance(told, int)
    session.ok(b"STORE 1 +FLAGS (\\Seen)")
    assert highest(session.ok(b"SELECT INBOX")) == [told + 1]
    assert highest(session.ok(b"EXAMINE INBOX")) == [told + 1]


def test_who_did_not_ask_sees_no_mod_sequence(world, ann):
    other = world.session(mailbox=b"INBOX")
    raw = ann.ok(b"STORE 1 +FLAGS (\\Seen)").raw + ann.ok(b"FETCH 1:* (FLAGS)").raw
    other.ok(b"STORE 2 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    raw += ann.ok(b"NOOP").raw + ann.ok(b"EXPUNGE").raw
    assert b"MODSEQ" not in raw


ENABLING = [
    b"FETCH 1 MODSEQ",
    b"UID FETCH 1 (FLAGS MODSEQ)",
    b"FETCH 1 FLAGS (CHANGEDSINCE 1)",
    b"STORE 1 (UNCHANGEDSINCE 99) +FLAGS (\\Seen)",
    b"SEARCH MODSEQ 1",
    b"UID SEARCH OR SEEN NOT MODSEQ 1",
    b"SEARCH RETURN (COUNT) MODSEQ 1",
    b"STATUS Sent (HIGHESTMODSEQ)",
    b'LIST "" Sent RETURN (STATUS (HIGHESTMODSEQ))',
]


@pytest.mark.parametrize("command", ENABLING)
def test_a_command_about_mod_sequences_asks_for_them(world, ann, command):
    """RFC 7162 §3.1: the first such command in a mailbox is told HIGHESTMODSEQ."""
    before = ann.connection.session.selected.view.settled
    assert highest(ann.ok(command)) == [before]
    assert highest(ann.ok(command)) == []
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 3 +FLAGS (\\Flagged)")
    (fetch,) = ann.ok(b"NOOP").of(Fetch)
    assert set(fetch.items) == {"UID", "FLAGS", "MODSEQ"}


def test_a_refused_command_asks_for_nothing(world, ann):
    ann.bad(b"FETCH 99 (MODSEQ)")
    ann.bad(b"FETCH 99 FLAGS (CHANGEDSINCE 1)")
    ann.bad(b"FETCH 1 MODSEQ (NEWS)")
    assert not ann.connection.session.telling.modseqs


@pytest.mark.parametrize("command", [b"SELECT INBOX (CONDSTORE)", b"ENABLE CONDSTORE"])
def test_asking_before_anything_is_selected(world, command):
    session = world.session()
    answer = session.ok(command)
    if command.startswith(b"ENABLE"):
        assert answer.of(Enabled) == [Enabled(frozenset({"CONDSTORE"}))]
        assert len(highest(session.ok(b"SELECT INBOX"))) == 1
    else:
        assert len(highest(answer)) == 1
    (fetch,) = session.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)").of(Fetch)
    assert set(fetch.items) == {"UID", "MODSEQ"}
    assert highest(session.ok(b"FETCH 1 MODSEQ")) == []


def test_seen_that_fetch_sets_is_told_with_its_mod_sequence(ann):
    """RFC 7162 §3.2.4."""
    old = modseq_of(ann, 2)
    data, flags = ann.ok(b"FETCH 2 BODY[TEXT]").of(Fetch)
    assert set(data.items) == {"BODY[TEXT]"}
    assert flags.uid == 2
    assert flags.flags >= {"\\Seen"}
    assert flags.typed("MODSEQ", int) > old
    assert modseq_of(ann, 2) == flags.items["MODSEQ"]


# -- FETCH


def test_changed_since_leaves_out_what_did_not_change(ann):
    since = max(modseq_of(ann, n) for n in range(1, 5))
    assert ann.ok(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % since).untagged == ()
    ann.ok(b"STORE 2,4 +FLAGS.SILENT (\\Flagged)")
    answer = ann.ok(b"FETCH 1:3 (FLAGS) (CHANGEDSINCE %d)" % since)
    (fetch,) = answer.of(Fetch)
    assert (fetch.number, set(fetch.items)) == (2, {"FLAGS", "MODSEQ"})
    answer = ann.ok(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % since)
    assert [f.uid for f in answer.of(Fetch)] == [2, 4]
    answer = ann.ok(b"UID FETCH 1:* ALL (CHANGEDSINCE 0)")
    assert len(answer.of(Fetch)) == 4
    assert all("ENVELOPE" in f.items and f.items["MODSEQ"] for f in answer.of(Fetch))


def test_modseq_is_told_once_however_often_it_is_asked_for(ann):
    answer = ann.ok(b"FETCH 1 (MODSEQ UID MODSEQ) (CHANGEDSINCE 0)")
    assert answer.raw.count(b"MODSEQ (") == 1


def test_setting_a_flag_again_changes_no_mod_sequence(ann):
    """RFC 7162 §3.1.11."""
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    before = modseq_of(ann, 1)
    (fetch,) = ann.ok(b"STORE 1 +FLAGS (\\Seen)").of(Fetch)
    assert fetch.items["MODSEQ"] == before
    ann.ok(b"STORE 1 -FLAGS (\\Flagged)")
    assert modseq_of(ann, 1) == before


# -- STORE


def test_a_conditional_store_changes_what_is_old_enough(world, ann):
    since = modseq_of(ann, 4)
    world.session(mailbox=b"INBOX").ok(b"STORE 2 +FLAGS (\\Flagged)")
    answer = ann.ok(b"STORE 1:3 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Seen)" % since)
    assert answer.status.code == Code("MODIFIED", (2,))
    told = {fetch.number: dict(fetch.items) for fetch in answer.of(Fetch)}
    assert set(told[1]) == set(told[3]) == {"UID", "MODSEQ"}
    # Examples 6 and 10: the client needn't ask what has changed.
    assert set(told[2]) == {"UID", "MODSEQ", "FLAGS"}
    assert told[2]["MODSEQ"] < told[1]["MODSEQ"]
    assert ann.ok(b"NOOP").untagged == ()


def test_the_uid_form_names_uids(world, ann):
    world.session(mailbox=b"INBOX").ok(b"STORE 1 +FLAGS (\\Deleted)")
    world.session(mailbox=b"INBOX").ok(b"EXPUNGE")
    since = ann.connection.session.selected.view.settled
    ann.ok(b"NOOP")
    world.session(mailbox=b"INBOX").ok(b"STORE 1:3 +FLAGS (\\Flagged)")
    answer = ann.ok(b"UID STORE 2:4 (UNCHANGEDSINCE %d) FLAGS ()" % since)
    assert answer.status.code == Code("MODIFIED", (2, 3, 4))


def test_a_conditional_store_that_would_change_nothing_fails_all_the_same(ann):
    since = modseq_of(ann, 1)
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    answer = ann.ok(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)" % since)
    assert answer.status.code == Code("MODIFIED", (1,))


def test_nothing_is_unchanged_since_the_beginning(ann):
    """Example 7: a system flag exists, set or not."""
    answer = ann.ok(b"STORE 1:4 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\\Seen)")
    assert answer.status.code == Code("MODIFIED", (1, 2, 3, 4))


def test_a_keyword_that_is_not_set_does_not_exist(ann):
    """Example 8: of two clients one alone sets it, and sends the receipt."""
    answer = ann.ok(b"STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)")
    assert answer.status.code is None
    answer = ann.ok(b"STORE 1:2 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)")
    assert answer.status.code == Code("MODIFIED", (1,))
    for change in (b"FLAGS ($MDNSent)", b"+FLAGS ($New \\Seen)", b"-FLAGS (\\Draft)"):
        answer = ann.ok(b"STORE 3 (UNCHANGEDSINCE 0) " + change)
        assert answer.status.code == Code("MODIFIED", (3,))
    answer = ann.ok(b"STORE 1:3 (UNCHANGEDSINCE 0) -FLAGS ($MDNSent)")
    assert answer.status.code == Code("MODIFIED", (1, 2))


def test_a_message_named_twice_is_changed_once(ann):
    since = modseq_of(ann, 4)
    answer = ann.ok(b"STORE 3,1:4 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)" % since)
    assert answer.status.code is None
    assert len(answer.of(Fetch)) == 4


def test_changed_and_gone_messages_at_once(world, ann):
    since = modseq_of(ann, 4)
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 2 +FLAGS (\\Flagged)")
    other.ok(b"STORE 3 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    answer = ann.ok(b"STORE 1:3 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)" % since)
    assert answer.status.code == Code("MODIFIED", (2,))
    assert ann.ok(b"NOOP").raw.startswith(b"* 3 EXPUNGE\r\n")


def test_a_read_only_mailbox_changes_nothing(world):
    session = world.session()
    session.ok(b"EXAMINE INBOX")
    session.no(b"STORE 1 (UNCHANGEDSINCE 99) +FLAGS (\\Seen)", "READ-ONLY")


# -- SEARCH and STATUS


def test_search_finds_by_mod_sequence_and_tells_the_highest(ann):
    since = modseq_of(ann, 4)
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    ann.ok(b"STORE 3 +FLAGS (\\Seen)")
    first, last = modseq_of(ann, 1), modseq_of(ann, 3)
    answer = ann.ok(b"SEARCH MODSEQ %d" % (since + 1))
    assert answer.of(SearchResult) == [SearchResult((1, 3), last)]
    answer = ann.ok(b'UID SEARCH MODSEQ "/flags/\\\\seen" all %d 1:2' % first)
    assert answer.of(SearchResult) == [SearchResult((1,), first)]
    answer = ann.ok(b"SEARCH MODSEQ %d" % (last + 1))
    assert answer.of(SearchResult) == [SearchResult(())]
    answer = ann.ok(b"SEARCH OR NOT MODSEQ 1 LARGER 50000")
    assert answer.of(SearchResult) == [SearchResult(())]


def test_an_extended_search_tells_the_highest_of_what_it_tells(ann):
    """RFC 4731 §3.2, RFC 7162 §3.1.10."""
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    first, last = modseq_of(ann, 1), modseq_of(ann, 4)
    assert first > last

    def told(options: bytes) -> dict[str, object]:
        (found,) = ann.ok(b"SEARCH RETURN (%b) MODSEQ 1" % options).of(Esearch)
        return dict(found.data)

    assert told(b"ALL") == {"ALL": (1, 2, 3, 4), "MODSEQ": first}
    assert told(b"MAX") == {"MAX": 4, "MODSEQ": last}
    assert told(b"MIN MAX") == {"MIN": 1, "MAX": 4, "MODSEQ": first}
    assert told(b"COUNT") == {"COUNT": 4, "MODSEQ": first}


def test_status_tells_what_select_tells(world, ann):
    (line,) = ann.ok(b"STATUS INBOX (HIGHESTMODSEQ MESSAGES)").of(StatusLine)
    assert highest(world.session().ok(b"SELECT INBOX")) == [line.items["HIGHESTMODSEQ"]]
    (empty,) = ann.ok(b"STATUS Sent (HIGHESTMODSEQ)").of(StatusLine)
    assert empty.items["HIGHESTMODSEQ"] >= 1


# -- mod-sequences only grow


def test_each_change_has_a_higher_mod_sequence(world, ann):
    seen = [modseq_of(ann, 4)]
    for command in (
        b"STORE 1 +FLAGS (\\Seen)",
        b"STORE 1 -FLAGS (\\Seen)",
        b"STORE 1 +FLAGS (new)",
        b"STORE 1 FLAGS ()",
    ):
        ann.ok(command)
        seen.append(modseq_of(ann, 1))
    world.deliver(b"Subject: new\r\n\r\n")
    ann.ok(b"NOOP")
    seen.append(modseq_of(ann, 5))
    ann.ok(b"COPY 1 INBOX")
    seen.append(modseq_of(ann, 6))
    assert seen == sorted(set(seen))
