"""OBJECTID+: identifiers in one list, and mailboxes that are selected by theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.app import store_options
from imapd.commands.select import Select
from imapd.config import parse_config
from imapd.extensions.objectid import FEATURE, PLUS
from imapd.extensions.objectid.compound import OBJECTID, compound
from imapd.extensions.objectid.ids import OBJECT_ID
from imapd.extensions.objectid.selecting import ObjectIdParameter
from imapd.features import ALL, OPTIONAL
from imapd.session.faults import Bad
from imapd.session.registry import Registry, RegistryError
from tests.imapd.extensions.objectid_peers import (
    REGISTRY,
    by_ids,
    mailbox_ids,
    selected,
)
from tests.support.parsing import parse
from tests.support.responses import (
    Enabled,
    Esearch,
    Fetch,
    SearchResult,
    StatusLine,
    UidFetch,
)
from tests.support.session import PASSWORD, Session, World

_LISTEN = '[[listen]]\naddress = "h:1"\ntls = "none"\n'
GMAIL = next(one for one in OPTIONAL if one.name == "X-GM-EXT-1")


@pytest.fixture
def ann(plus: World) -> Session:
    return plus.session()


@pytest.fixture
def bob(plus: World) -> Session:
    return plus.session("bob")


def parsed(text: bytes):
    return parse(REGISTRY, text)


def reparsed(name: str, node):
    return parsed(REGISTRY.commands[name].unparse(node))


# -- what is offered, and the grammar


def test_it_is_offered_only_where_it_is_wanted(plus, tmp_path):
    assert PLUS in OPTIONAL
    assert PLUS not in ALL
    assert [c.text for c in PLUS.capabilities] == ["OBJECTID+"]
    answer = plus.session().ok(b"CAPABILITY")
    assert {b"OBJECTID", b"OBJECTID+"} <= set(answer.raw.split())
    plain = World(tmp_path / "plain")
    session = plain.session(mailbox=b"INBOX")
    assert b"OBJECTID+" not in session.ok(b"CAPABILITY").raw
    session.bad(b"FETCH 1:* OBJECTID")
    session.bad(b"STATUS INBOX (OBJECTID)")
    session.bad(b"SELECT INBOX (OBJECTID)")
    plain.close()


def test_it_cannot_do_without_the_other():
    with pytest.raises(RegistryError, match=r"OBJECTID\+ requires OBJECTID"):
        Registry.of([one for one in (*ALL, PLUS) if one is not FEATURE])


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("[features]\n", False),
        ('[features]\non = ["OBJECTID+"]\n', True),
        ('[features]\non = ["objectid+"]\n', True),
        ('[features]\non = ["OBJECTID+"]\noff = ["OBJECTID+"]\n', False),
    ],
)
def test_copies_have_their_own_emailid_where_it_is_offered(text, apart):
    config = parse_config(_LISTEN + text, Path("imapd.toml"))
    assert store_options(config).emailid_of_copies is apart


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (b"OBJECTID", ()),
        (b"objectid (mailboxid F2212ea87-6097 ACCOUNTID u1a48e8e3)",
         (("MAILBOXID", "F2212ea87-6097"), ("ACCOUNTID", "u1a48e8e3"))),
        (b"OBJECTID (X-NEW-KEY _a-B9)", (("X-NEW-KEY", "_a-B9"),)),
        (b"OBJECTID (EMAILID M1 THREADID T1)", (("EMAILID", "M1"), ("THREADID", "T1"))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_each_form_of_the_parameter_is_known(command, text, ids):
    node = parsed(b"%b foo (%b)" % (command.encode(), text))
    assert node == Select(b"foo", command == "EXAMINE", (ObjectIdParameter(ids),))
    assert reparsed(command, node) == node


def test_it_stands_among_other_parameters():
    node = parsed(b"SELECT foo (CONDSTORE OBJECTID (MAILBOXID F1) QRESYNC (1 1))")
    assert [one.name for one in node.parameters] == ["CONDSTORE", "OBJECTID", "QRESYNC"]
    assert reparsed("SELECT", node) == node


_ids = st.from_regex(OBJECT_ID.pattern.decode(), fullmatch=True)
_keys = st.from_regex(r"[A-Z][A-Z0-9.$+-]{0,20}", fullmatch=True)


@given(st.lists(st.tuples(_keys, _ids), unique_by=lambda pair: pair[0], max_size=5))
def test_identifiers_are_parsed_as_they_are_written(pairs):
    parameter = ObjectIdParameter(tuple(pairs))
    node = parsed(b"SELECT x (%b)" % parameter.unparse())
    assert node.parameters == (parameter,)


@pytest.mark.parametrize(
    "text",
    [
        b"OBJECTID ()",
        b"OBJECTID (MAILBOXID)",
        b"OBJECTID (MAILBOXID F1 ACCOUNTID)",
        b"OBJECTID (MAILBOXID (F1))",
        b'OBJECTID (MAILBOXID "F1")',
        b"OBJECTID (MAILBOXID F.1)",
        b"OBJECTID (MAILBOXID %b)" % (b"x" * 256),
        b"OBJECTID (MAILBOXID F1 mailboxid F2)",
        b"OBJECTID (MAILBOXID F1 )",
        b"OBJECTID F1",
        b"OBJECTID OBJECTID",
    ],
)
def test_what_is_no_list_of_identifiers_is_refused(text):
    with pytest.raises(Bad):
        parsed(b"SELECT x (%b)" % text)


def test_items_are_known():
    node = parsed(b"FETCH 1 (objectid EMAILID)")
    assert node.items[0] == OBJECTID
    assert reparsed("FETCH", node) == node
    assert parsed(b"STATUS x (objectid MESSAGES)").items == ("OBJECTID", "MESSAGES")


def test_a_list_has_what_is_known():
    assert compound() == "()"
    assert compound(EMAILID="M1", THREADID=None) == "(EMAILID M1)"


# -- activation


def test_nothing_is_told_that_was_not_asked_for(plus, ann):
    plus.deliver(b"x")
    answers = [
        ann.ok(b"CREATE foo"),
        ann.ok(b"SELECT foo"),
        ann.ok(b"EXAMINE INBOX"),
        ann.ok(b"RENAME foo bar"),
        ann.ok(b"FETCH 1 (EMAILID THREADID)"),
        ann.ok(b"STATUS bar (MAILBOXID)"),
    ]
    said = b"".join(answer.raw for answer in answers)
    assert b"OBJECTID" not in said
    assert b"ACCOUNTID" not in said
    assert [answer.code for answer in answers[:4]] == [
        "MAILBOXID",
        "READ-WRITE",
        "READ-ONLY",
        None,
    ]


@pytest.mark.parametrize(
    "command",
    [
        b"SELECT INBOX (OBJECTID)",
        b"EXAMINE INBOX (OBJECTID)",
        b"SELECT INBOX (OBJECTID (MAILBOXID F1 ACCOUNTID A1))",
        b"STATUS INBOX (MESSAGES OBJECTID)",
        b'LIST "" * RETURN (STATUS (OBJECTID))',
        b"FETCH 1 (FLAGS OBJECTID)",
        b"UID FETCH 1:* (OBJECTID)",
        b"NOTIFY SET (SELECTED (MessageNew (UID OBJECTID) MessageExpunge))",
    ],
)
def test_whatever_asks_for_it_enables_it(plus, ann, command):
    """§2.2: told once, before what it changes, and for the rest of the session."""
    plus.deliver(b"x")
    ann.ok(b"SELECT INBOX")
    answer = ann.ok(command)
    assert answer.of(Enabled) == [Enabled(frozenset({"OBJECTID+"}))]
    start = answer.raw.index(b"* ENABLED OBJECTID+\r\n")
    assert b"OBJECTID (" not in answer.raw[:start]
    assert ann.ok(command).of(Enabled) == []
    again = ann.ok(b"SELECT INBOX")
    assert selected(again) == mailbox_ids(ann, b"INBOX")
    assert b"[MAILBOXID" not in again.raw


def test_it_is_enabled_by_its_name(ann):
    assert ann.ok(b"ENABLE objectid+").of(Enabled) == [
        Enabled(frozenset({"OBJECTID+"}))
    ]
    ids = selected(ann.ok(b"SELECT INBOX (OBJECTID)"))
    assert list(ids) == ["MAILBOXID", "ACCOUNTID"]
    made = ann.ok(b"CREATE foo")
    assert made.status.code.value == mailbox_ids(ann, b"foo")
    assert b"[MAILBOXID" not in made.raw
    renamed = ann.ok(b"RENAME foo bar")
    assert renamed.status.code.value == made.status.code.value


def test_it_ends_with_the_login(ann):
    ann.ok(b"ENABLE OBJECTID+")
    ann.ok(b"UNAUTHENTICATE")
    ann.ok(b"LOGIN bob {%d+}\r\n%b" % (len(PASSWORD), PASSWORD))
    answer = ann.ok(b"SELECT INBOX")
    assert b"[MAILBOXID (" in answer.raw
    assert b"OBJECTID (" not in answer.raw


def test_a_refused_command_may_enable_it(ann):
    answer = ann.no(b"SELECT missing (OBJECTID)", "NONEXISTENT")
    assert answer.of(Enabled)
    ann.no(b"STATUS missing (OBJECTID)", "NONEXISTENT")


# -- values


def test_the_list_says_what_each_item_says(plus, ann):
    plus.deliver(b"Message-ID: <a@x>\r\n\r\n1", b"References: <a@x>\r\n\r\n2")
    (line,) = ann.ok(b"STATUS INBOX (OBJECTID MAILBOXID)").of(StatusLine)
    assert line.items["OBJECTID"]["MAILBOXID"] == line.items["MAILBOXID"]
    ann.ok(b"SELECT INBOX")
    for one in ann.ok(b"FETCH 1:2 (OBJECTID EMAILID THREADID)").of(Fetch):
        assert one.items["OBJECTID"] == {
            "EMAILID": one.items["EMAILID"],
            "THREADID": one.items["THREADID"],
        }


def test_all_mailboxes_of_an_account_have_its_identifier(plus, ann, bob):
    answer = ann.ok(b'LIST "" * RETURN (STATUS (OBJECTID))')
    lists = [line.items["OBJECTID"] for line in answer.of(StatusLine)]
    (account,) = {one["ACCOUNTID"] for one in lists}
    assert len({one["MAILBOXID"] for one in lists}) == len(lists) == 6
    assert account.startswith("A")
    assert "ann" not in account.lower()
    assert mailbox_ids(bob, b"INBOX")["ACCOUNTID"] != account
    assert mailbox_ids(plus.session(), b"INBOX")["ACCOUNTID"] == account


def test_renaming_inbox_makes_another_mailbox(ann):
    before = mailbox_ids(ann, b"INBOX")
    answer = ann.ok(b"RENAME INBOX old")
    assert answer.status.code.value == mailbox_ids(ann, b"old") != before
    assert mailbox_ids(ann, b"INBOX") == before


def test_a_name_without_a_mailbox_has_no_identifiers(ann):
    ann.ok(b"ENABLE OBJECTID+")
    ann.ok(b"CREATE a/b")
    ann.ok(b"DELETE a")
    renamed = ann.ok(b"RENAME a z")
    assert (renamed.code, renamed.status.code.value) == ("OBJECTID", {})


def test_messages_are_told_by_uid_alone_too(plus, ann):
    """RFC 9586: UIDFETCH has it as FETCH has."""
    plus.deliver(b"x")
    ann.ok(b"ENABLE UIDONLY OBJECTID+")
    ann.ok(b"SELECT INBOX")
    (one,) = ann.ok(b"UID FETCH 1 (OBJECTID)").of(UidFetch)
    assert set(one.items["OBJECTID"]) == {"EMAILID", "THREADID"}


def test_new_messages_are_told_with_it(plus, ann):
    ann.ok(b"SELECT INBOX")
    ann.ok(b"NOTIFY SET (SELECTED (MessageNew (UID OBJECTID) MessageExpunge))")
    plus.deliver(b"x")
    (told,) = ann.ok(b"NOOP").of(Fetch)
    (asked,) = ann.ok(b"UID FETCH 1 OBJECTID").of(Fetch)
    assert told.items["OBJECTID"] == asked.items["OBJECTID"]


# -- searches


def test_messages_of_several_mailboxes_are_found(plus, ann):
    plus.deliver(b"Message-ID: <a@x>\r\n\r\n1")
    ann.ok(b"SELECT INBOX")
    (one,) = ann.ok(b"FETCH 1 (OBJECTID)").of(Fetch)
    thread = one.items["OBJECTID"]["THREADID"].encode()
    email = one.items["OBJECTID"]["EMAILID"].encode()
    ann.ok(b"COPY 1 Archive")
    both = ann.ok(b"ESEARCH IN (personal) THREADID " + thread).of(Esearch)
    assert {line.mailbox for line in both} == {"INBOX", "Archive"}
    (alone,) = ann.ok(b"ESEARCH IN (personal) EMAILID " + email).of(Esearch)
    assert alone.mailbox == "INBOX"


# -- copies and their flags (§6.1)


def emails(session: Session) -> list[Any]:
    answer = session.ok(b"UID FETCH 1:* (OBJECTID)")
    return [one.items["OBJECTID"] for one in answer.of(Fetch)]


def test_messages_with_one_emailid_have_the_same_flags(plus, ann):
    plus.deliver(b"Message-ID: <a@x>\r\n\r\n1", b"2")
    ann.ok(b"SELECT INBOX")
    first, second = emails(ann)
    ann.ok(b"COPY 1:2 Archive")
    ann.ok(b"COPY 1 INBOX")
    ann.ok(b"MOVE 2 Sent")
    _, again = emails(ann)
    ann.ok(b"SELECT Archive")
    copies = emails(ann)
    ann.ok(b"SELECT Sent")
    assert emails(ann) == [second]  # moved: the same message
    told = [first, second, again, *copies]
    assert len({one["EMAILID"] for one in told}) == 5
    assert first["THREADID"] == again["THREADID"] == copies[0]["THREADID"]
    assert second["THREADID"] == copies[1]["THREADID"] != first["THREADID"]


def test_a_copy_takes_its_emailid_along(plus, ann):
    plus.deliver(b"x")
    ann.ok(b"SELECT INBOX")
    ann.ok(b"COPY 1 Archive")
    ann.ok(b"SELECT Archive")
    (copy,) = emails(ann)
    ann.ok(b"MOVE 1 Sent")
    ann.ok(b"RENAME Sent Elsewhere")
    ann.ok(b"SELECT Elsewhere")
    assert emails(ann) == [copy]


def found(session: Session, emailid: str) -> tuple[int, ...]:
    (result,) = session.ok(b"UID SEARCH EMAILID " + emailid.encode()).of(SearchResult)
    return result.numbers


def test_each_is_found_by_its_own(plus, ann):
    plus.deliver(b"x", b"y")
    ann.ok(b"SELECT INBOX")
    ann.ok(b"COPY 1 INBOX")
    ann.ok(b"COPY 3 INBOX")
    uids = [found(ann, one["EMAILID"]) for one in emails(ann)]
    assert uids == [(1,), (2,), (3,), (4,)]
    (result,) = ann.ok(b"SEARCH NOT EMAILID " + emails(ann)[0]["EMAILID"].encode()).of(
        SearchResult
    )
    assert result.numbers == (2, 3, 4)


def test_an_expunged_copy_keeps_it_as_long_as_it_is_served(plus, ann):
    plus.deliver(b"x")
    ann.ok(b"SELECT INBOX")
    ann.ok(b"COPY 1 INBOX")
    before = emails(ann)
    other = plus.session(mailbox=b"INBOX")
    other.ok(b"STORE 2 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    answer = ann.ok(b"FETCH 1:2 (OBJECTID)")
    assert [one.items["OBJECTID"] for one in answer.of(Fetch)] == before


def test_a_removed_copy_is_shown_with_its_own(plus, ann):
    """What is there under its message's EMAILID may have other flags by now."""
    shown = replace(plus.store.options.namespaces, deleted="Deleted")
    plus.store.use(replace(plus.store.options, namespaces=shown))
    plus.deliver(b"x", b"y")
    ann.ok(b"SELECT INBOX")
    ann.ok(b"COPY 1:2 Archive")
    ann.ok(b"SELECT Archive")
    first, second = emails(ann)
    ann.ok(b"STORE 2 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    ann.ok(b"SELECT Deleted/Archive")
    assert emails(ann) == [second]
    assert found(ann, second["EMAILID"]) == (1,)
    assert found(ann, first["EMAILID"]) == ()
    ids = mailbox_ids(ann, b"Deleted/Archive")
    ann.no(by_ids(b"missing", **ids), "NONEXISTENT")
    ann.ok(b"SELECT Deleted/Archive (OBJECTID)")
    ann.ok(b"COPY 1 Archive")
    ann.ok(b"SELECT Archive")
    assert len({one["EMAILID"] for one in (*emails(ann), second)}) == 3


def test_labels_go_on_being_what_they_are(plus, ann):
    """X-GM-MSGID is the message's, whatever EMAILID its copies have."""
    registry = Registry.of([*ALL, PLUS, GMAIL])
    plus.services = replace(plus.services, registry=registry)
    gm = plus.session()
    plus.deliver(b"x")
    gm.ok(b"SELECT INBOX")
    gm.ok(b"STORE 1 +X-GM-LABELS (Archive)")
    (one,) = gm.ok(b"FETCH 1 (X-GM-MSGID X-GM-LABELS OBJECTID)").of(Fetch)
    gm.ok(b"SELECT Archive")
    (copy,) = gm.ok(b"FETCH 1 (X-GM-MSGID X-GM-LABELS OBJECTID)").of(Fetch)
    assert one.items["X-GM-MSGID"] == copy.items["X-GM-MSGID"]
    assert one.items["OBJECTID"]["EMAILID"] != copy.items["OBJECTID"]["EMAILID"]
    gm.ok(b"STORE 1 X-GM-LABELS ()")
    gm.ok(b"SELECT INBOX")
    assert gm.ok(b"FETCH 1:* UID").of(Fetch) == []
