"""LIST with options and several patterns (RFC 5258, RFC 5819, RFC 8438)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.list import List, _select
from imapd.extensions import children, list_extended, list_status, special_use
from imapd.extensions.list_status import StatusReturn
from imapd.extensions.status_size import FEATURE as STATUS_SIZE
from imapd.features import ALL
from imapd.session.faults import Bad
from imapd.session.listing import AttributeReturn, list_response
from imapd.session.registry import Registry
from imapd.syntax.mailbox import ListPattern, ancestors
from mailstore.model import MailboxEntry
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.response_parser import parse_response
from tests.support.responses import ListLine, StatusLine

CHILDREN = AttributeReturn("CHILDREN", children.attributes)
SUBSCRIBED = AttributeReturn("SUBSCRIBED", list_extended.subscribed)
SPECIAL_USE = AttributeReturn("SPECIAL-USE", special_use.attributes)

NODES = [
    (b'LIST "" *', List(b"", b"*")),
    (b'LIST () "" %', List(b"", b"%", ())),
    (b'LIST (SUBSCRIBED) "" "*"', List(b"", b"*", ("SUBSCRIBED",))),
    (b"LIST (remote SubscribeD) a *", List(b"a", b"*", ("REMOTE", "SUBSCRIBED"))),
    (
        b'LIST (SUBSCRIBED RECURSIVEMATCH subscribed) "" %',
        List(b"", b"%", ("SUBSCRIBED", "RECURSIVEMATCH")),
    ),
    (b'LIST (SPECIAL-USE) "" *', List(b"", b"*", ("SPECIAL-USE",))),
    (b'LIST "" (INBOX "a b" Sent/%)', List(b"", (b"INBOX", b"a b", b"Sent/%"))),
    (b'LIST "" ("")', List(b"", (b"",))),
    (b'LIST "" % RETURN ()', List(b"", b"%", None, ())),
    (b'LIST "" % RETURN (CHILDREN)', List(b"", b"%", None, (CHILDREN,))),
    (
        b'LIST () "" (a b) return (children SUBSCRIBED children SPECIAL-USE)',
        List(b"", (b"a", b"b"), (), (CHILDREN, SUBSCRIBED, SPECIAL_USE)),
    ),
    (
        b'LIST "" % RETURN (STATUS (unseen MESSAGES SIZE Unseen) CHILDREN)',
        List(
            b"",
            b"%",
            None,
            (StatusReturn(("UNSEEN", "MESSAGES", "SIZE")), CHILDREN),
        ),
    ),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    assert reparsed("LIST", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # RFC 5258 §3.1: RECURSIVEMATCH changes another option.
        (b'LIST (RECURSIVEMATCH) "" *', "a selection option that may stand alone"),
        (
            b'LIST (REMOTE RECURSIVEMATCH) "" *',
            "a selection option that may stand alone",
        ),
        (
            b'LIST (SPECIAL-USE RECURSIVEMATCH) "" *',
            "a selection option that may stand alone",
        ),
        (b'LIST (UNKNOWN) "" *', "a selection option wanted at octet 8"),
        (b'LIST (CHILDREN) "" *', "a selection option wanted at octet 8"),
        (b'LIST "" ()', "wanted at octet"),
        (b'LIST "" (a  b)', "wanted at octet"),
        (b'LIST "" * RETURN', "the end of the command"),
        (b'LIST "" * RETURN (REMOTE)', "a return option wanted at octet 20"),
        (b'LIST "" * RETURN (STATUS)', "a space wanted"),
        (b'LIST "" * RETURN (STATUS ())', "a status item"),
        (b'LIST "" * RETURN (STATUS (NO))', "a status item"),
        (b'LIST "" * RETURN (CHILDREN) x', "the end of the command"),
        (b'LIST "" * CHILDREN', "the end of the command"),
    ],
)
def test_what_is_no_list_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_an_option_counts_once_whatever_its_arguments():
    """RFC 5258 §3; thousands would each be asked about every name."""
    statuses = b" ".join([b"STATUS (SIZE)", b"CHILDREN", b"STATUS (UNSEEN)"] * 1_000)
    assert parsed(b'LIST "" * RETURN (' + statuses + b")") == List(
        b"", b"*", None, (StatusReturn(("SIZE",)), CHILDREN)
    )
    entries = b" ".join([b"METADATA (/private/%d)" % at for at in range(1_000)])
    returns = parsed(b'LIST "" * RETURN (' + entries + b")").returns
    assert [one.unparse() for one in returns] == [b"METADATA (/private/0)"]


_NAMES = st.lists(
    st.sampled_from(["a", "b", "x", "INBOX"]), min_size=1, max_size=3
).map("/".join)
_OPTIONS = st.lists(st.sampled_from(["SUBSCRIBED", "REMOTE", "SPECIAL-USE"])).map(
    lambda names: tuple(dict.fromkeys(names))
)
_PATTERNS = st.one_of(st.binary(max_size=9), st.lists(st.binary(), min_size=1))


@given(
    st.binary(max_size=9),
    _PATTERNS,
    st.none() | _OPTIONS,
    st.none() | st.just((CHILDREN, StatusReturn(("SIZE", "RECENT")))),
)
def test_parse_is_the_inverse_of_unparse(reference, patterns, selection, returns):
    if isinstance(patterns, list):
        patterns = tuple(one.replace(b"\0", b"0") for one in patterns)
    else:
        patterns = patterns.replace(b"\0", b"0")
    node = List(reference.replace(b"\0", b"0"), patterns, selection, returns)
    assert reparsed("LIST", node) == node


def test_without_options_the_old_grammar_is_the_only_one():
    names = {"LIST-EXTENDED", "LIST-STATUS", "CHILDREN", "SPECIAL-USE"}
    left = [one for one in ALL if not names & {one.name, *one.requires}]
    registry = Registry.of([one for one in left if not one.list_returns])
    assert not registry.list_selections
    assert not registry.list_returns


# -- what it says


@pytest.fixture
def ann(world):
    """The hierarchy of RFC 5258 §5, and none of our own beside INBOX."""
    session = world.session()
    for name in (b"Archive", b"Drafts", b"Junk", b"Sent", b"Trash"):
        session.ok(b"DELETE " + name)
        session.ok(b"UNSUBSCRIBE " + name)
    for name in (
        b"Fruit/Apple", b"Fruit/Banana", b"Fruit/Peach", b"Tofu",
        b"Vegetable/Broccoli", b"Vegetable/Corn",
    ):  # fmt: skip
        session.ok(b"CREATE " + name)
    session.ok(b"DELETE Fruit/Peach")
    for name in (b"Fruit", b"Fruit/Apple", b"Tofu", b"Vegetable/Corn"):
        session.ok(b"UNSUBSCRIBE " + name)
    return session


def told(session, command):
    """Names with their attributes, but for the children."""
    return {
        line.name: {a for a in line.attributes if "Children" not in a}
        for line in session.ok(command).of(ListLine)
    }


def child_info(session, command):
    return {
        line.name: dict(line.extended).get("CHILDINFO")
        for line in session.ok(command).of(ListLine)
    }


def test_subscribed_names_with_accurate_attributes(ann):
    """RFC 5258 §5, example 2."""
    assert told(ann, b'LIST (SUBSCRIBED) "" *') == {
        "INBOX": {"\\Subscribed"},
        "Fruit/Banana": {"\\Subscribed"},
        "Fruit/Peach": {"\\Subscribed", "\\NonExistent"},
        "Vegetable": {"\\Subscribed"},
        "Vegetable/Broccoli": {"\\Subscribed"},
    }
    # Without RECURSIVEMATCH no superior name is told.
    assert set(told(ann, b'LIST (SUBSCRIBED) "" %')) == {"INBOX", "Vegetable"}


def test_subscription_as_information_only(ann):
    """RFC 5258 §5, example 6: what doesn't exist is not told."""
    found = told(ann, b'LIST (REMOTE) "" * RETURN (SUBSCRIBED)')
    assert "Fruit/Peach" not in found
    assert found["Fruit/Banana"] == {"\\Subscribed"}
    assert found["Tofu"] == set()


def test_several_patterns_tell_a_name_once(ann):
    lines = ann.ok(b'LIST "" (INBOX Tofu T% Fruit/% "")').of(ListLine)
    names = [line.name for line in lines]
    assert names == ["INBOX", "Fruit/Apple", "Fruit/Banana", "Tofu"]


def test_an_empty_pattern_is_no_question_for_the_delimiter(ann):
    """RFC 5258 §3: not in an extended LIST, whichever way it is extended."""
    for command in (
        b'LIST () "" ""',
        b'LIST "" ("")',
        b'LIST "" "" RETURN ()',
        b'LIST () Tofu ""',
    ):
        assert ann.ok(command).untagged == ()
    assert len(ann.ok(b'LIST "" ""').of(ListLine)) == 1


def test_superiors_of_what_is_subscribed(ann):
    command = b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %'
    assert child_info(ann, command) == {
        "INBOX": None,
        "Fruit": ((b"SUBSCRIBED",)),
        "Vegetable": ((b"SUBSCRIBED",)),
    }
    assert told(ann, command)["Fruit"] == set()
    assert told(ann, command)["Vegetable"] == {"\\Subscribed"}
    ann.ok(b"UNSUBSCRIBE Vegetable/Broccoli")
    ann.ok(b"UNSUBSCRIBE Fruit/Banana")
    assert child_info(ann, command)["Vegetable"] is None
    # What remains subscribed below Fruit doesn't exist (example 10).
    assert child_info(ann, command)["Fruit"] == (b"SUBSCRIBED",)
    ann.ok(b"UNSUBSCRIBE Fruit/Peach")
    assert "Fruit" not in child_info(ann, command)


def test_a_superior_that_does_not_exist_is_told_for_its_inferiors(ann):
    """RFC 5258 §3.5, the sixth row of the table."""
    ann.ok(b"CREATE gone/deep/er")
    for name in (b"gone", b"gone/deep"):
        ann.ok(b"UNSUBSCRIBE " + name)
    for name in (b"gone/deep/er", b"gone/deep", b"gone"):
        ann.ok(b"DELETE " + name)
    (line,) = ann.ok(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" gone').of(ListLine)
    assert line.attributes >= {"\\NonExistent"}
    assert line.extended == (("CHILDINFO", (b"SUBSCRIBED",)),)
    names = list(child_info(ann, b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% gone/%)'))
    assert names == ["INBOX", "Fruit", "Vegetable", "gone", "gone/deep"]


def test_information_about_inferiors_is_not_repeated(ann):
    """RFC 5258 §5, example 9: all that would be told of baz2 is told already."""
    for name in (
        b"foo2/bar1", b"foo2/bar2", b"baz2/bar2", b"baz2/bar22", b"baz2/bar222",
        b"eps2/mamba", b"qux2/bar2",
    ):  # fmt: skip
        ann.ok(b"CREATE " + name)
    for name in (b"foo2", b"baz2", b"qux2"):
        ann.ok(b"UNSUBSCRIBE " + name)
    assert child_info(ann, b'LIST (RECURSIVEMATCH SUBSCRIBED) "" *2') == {
        "foo2": (b"SUBSCRIBED",),
        "foo2/bar2": None,
        "baz2/bar2": None,
        "baz2/bar22": None,
        "baz2/bar222": None,
        "eps2": (b"SUBSCRIBED",),
        "qux2/bar2": None,
    }


def test_special_uses_alone(world):
    ann = world.session()
    assert told(ann, b'LIST (SPECIAL-USE) "" *') == {
        "Archive": {"\\Archive"},
        "Drafts": {"\\Drafts"},
        "Junk": {"\\Junk"},
        "Sent": {"\\Sent"},
        "Trash": {"\\Trash"},
    }
    ann.ok(b"UNSUBSCRIBE Sent")
    both = told(ann, b'LIST (SUBSCRIBED SPECIAL-USE) "" (S% T%)')
    assert both == {"Trash": {"\\Trash", "\\Subscribed"}}
    # Thunderbird's question.
    found = told(ann, b'LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)')
    assert found["Trash"] == {"\\Subscribed", "\\Trash"}
    assert "Sent" not in found


def test_status_follows_each_mailbox(world, ann):
    world.deliver(b"one", b"three", to="Tofu")
    ann.ok(b"DELETE Fruit")
    answer = ann.ok(b'LIST "" (Tofu Fruit) RETURN (STATUS (MESSAGES SIZE RECENT))')
    assert [type(one) for one in answer.untagged] == [ListLine, ListLine, StatusLine]
    fruit, tofu, status = answer.untagged
    assert (fruit.name, tofu.name) == ("Fruit", "Tofu")
    assert "\\Noselect" in fruit.attributes
    assert status == StatusLine("Tofu", {"MESSAGES": 2, "SIZE": 8, "RECENT": 2})


def test_no_status_for_what_is_told_for_its_inferiors_only(ann):
    """RFC 5819 §3, the second example."""
    answer = ann.ok(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (STATUS (MESSAGES))')
    assert {s.name for s in answer.of(StatusLine)} == {"INBOX", "Vegetable"}
    # Nor for a subscription whose mailbox is gone.
    answer = ann.ok(b'LIST (SUBSCRIBED) "" Fruit/* RETURN (STATUS (MESSAGES))')
    assert {s.name for s in answer.of(StatusLine)} == {"Fruit/Banana"}


def test_a_size_is_that_of_all_messages(world, ann):
    world.deliver(b"1234567890", b"12345")
    (line,) = ann.ok(b"STATUS INBOX (SIZE MESSAGES)").of(StatusLine)
    assert line.items == {"SIZE": 15, "MESSAGES": 2}
    ann.ok(b"SELECT INBOX")
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    (line,) = ann.ok(b"STATUS INBOX (SIZE)").of(StatusLine)
    assert line.items == {"SIZE": 5}


def test_counters_of_many_mailboxes_cost_a_constant_number_of_statements(world, ann):
    for at in range(40):
        ann.ok(b"CREATE many/%d" % at)
    ann.ok(b'LIST "" *')  # the names are read
    reader = ann.connection.session.account.own.readers.event.connection
    statements: list[str] = []

    def note(_: object, sql: str, __: object) -> bool:
        statements.append(sql)
        return True

    reader.set_exec_trace(note)
    answer = ann.ok(b'LIST "" many/% RETURN (STATUS (MESSAGES RECENT UNSEEN))')
    reader.set_exec_trace(None)
    assert len(answer.of(StatusLine)) == 40
    assert len(statements) <= 5, statements


def test_patterns_without_bound_are_refused(ann):
    long = b" ".join([b"a*" * 400 + b"%d" % at for at in range(60)])
    ann.no(b'LIST "" (' + long + b")", "CANNOT")


def test_hundreds_of_names_are_asked_for_together(ann):
    names = b" ".join(b"many/%d" % at for at in range(900))
    assert listed_names(ann, b'LIST "" (' + names + b" Tofu)") == ["Tofu"]


def listed_names(session, command):
    return [line.name for line in session.ok(command).of(ListLine)]


@given(
    st.sets(_NAMES, min_size=1, max_size=8),
    st.sets(_NAMES, max_size=8),
    st.sampled_from(["*", "%", "a/%", "%/x", "*x", "INBOX*", "b"]),
)
def test_each_name_is_told_for_one_of_two_reasons(existing, subscribed, pattern):
    """RFC 5258 §3.3, against a slow and obvious reading."""
    existing = existing | {p for name in existing for p in ancestors(name)}
    entries = [
        MailboxEntry(
            name, name in existing, name in existing, False, name in subscribed
        )
        for name in sorted(existing | subscribed)
    ]
    specs = {one.name: one for one in list_extended.FEATURE.list_selections}
    asked = ListPattern("", pattern)
    parts = _select(entries, asked, [specs["SUBSCRIBED"], specs["RECURSIVEMATCH"]])
    found = [one for part in parts for one in part]
    names = [one.entry.name for one in found]
    assert len(set(names)) == len(names)
    everything = existing | subscribed
    everything |= {p for name in everything for p in ancestors(name)}
    for name in everything:
        below = {one for one in subscribed if one.startswith(name + "/")}
        reason = name in subscribed or any(not asked.matches(one) for one in below)
        assert (name in names) == (asked.matches(name) and reason), name
    for one in found:
        inside = any(s.startswith(one.entry.name + "/") for s in subscribed)
        assert one.criteria == (("SUBSCRIBED",) if inside else ())
        assert one.wanted == (one.entry.name in subscribed)


def test_an_attribute_is_told_once_and_the_stronger_one_alone():
    line = list_response(
        "a b",
        ("\\NonExistent", "\\Noselect", "\\Sent", "\\sent"),
        (("OLDNAME", b'("x")'),),
    )
    assert parse_response(b"* " + line + b"\r\n") == ListLine(
        "a b", "/", frozenset({"\\NonExistent", "\\sent"}), False,
        (("OLDNAME", (b"x",)),),
    )  # fmt: skip


def test_features_have_their_capabilities():
    features = (list_extended.FEATURE, list_status.FEATURE, STATUS_SIZE)
    texts = [c.text for one in features for c in one.capabilities]
    assert texts == ["LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE"]
