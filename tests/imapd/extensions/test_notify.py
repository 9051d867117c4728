"""NOTIFY as text, what is refused, and which events of which mailboxes are wanted."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.fetch.items import ATTRIBUTES, FLAGS, BodySection
from imapd.extensions.notify import FEATURE
from imapd.extensions.notify.handler import run
from imapd.extensions.notify.interests import (
    MAX_GROUPS,
    Interests,
    OfSelected,
    check,
)
from imapd.extensions.notify.syntax import Event, EventGroup, Notify
from imapd.session.faults import Bad, No
from imapd.session.fetch_attribute import UID
from imapd.syntax.mailbox_filter import FilterKind
from imapd.syntax.section import Section, SectionText
from mailstore.model import MailboxEntry
from tests.imapd.commands import strategies
from tests.imapd.commands.peers import parsed, reparsed

HEADERS = BodySection(
    Section((), SectionText.HEADER_FIELDS, (b"from", b"to", b"subject")),
    None,
    peek=True,
)
NEW, GONE, FLAG = Event("MESSAGENEW"), Event("MESSAGEEXPUNGE"), Event("FLAGCHANGE")
NAME, SUBSCRIPTION = Event("MAILBOXNAME"), Event("SUBSCRIPTIONCHANGE")

FORMS = [
    (b"NOTIFY NONE", Notify()),
    (b"notify none", Notify()),
    (
        b"NOTIFY SET (personal NONE)",
        Notify((EventGroup(FilterKind.PERSONAL),)),
    ),
    (
        b"NOTIFY SET STATUS (inboxes (MessageNew MessageExpunge))",
        Notify((EventGroup(FilterKind.INBOXES, (), (NEW, GONE)),), status=True),
    ),
    (
        (
            b"NOTIFY SET (selected-delayed (MessageNew (uid flags) MessageExpunge"
            b" FlagChange)) (subscribed (SubscriptionChange))"
        ),
        Notify(
            (
                EventGroup(
                    FilterKind.SELECTED_DELAYED,
                    (),
                    (Event("MESSAGENEW", (UID, FLAGS)), GONE, FLAG),
                ),
                EventGroup(FilterKind.SUBSCRIBED, (), (SUBSCRIPTION,)),
            )
        ),
    ),
    (
        b'NOTIFY SET (subtree (a "b c") (MailboxName)) (mailboxes INBOX NONE)',
        Notify(
            (
                EventGroup(FilterKind.SUBTREE, (b"a", b"b c"), (NAME,)),
                EventGroup(FilterKind.MAILBOXES, (b"INBOX",)),
            )
        ),
    ),
    # RFC 5465 §6, the first example.
    (
        (
            b"notify set (mailboxes INBOX (Messagenew messageExpunge))"
            b" (personal (SubscriptionChange))"
        ),
        Notify(
            (
                EventGroup(FilterKind.MAILBOXES, (b"INBOX",), (NEW, GONE)),
                EventGroup(FilterKind.PERSONAL, (), (SUBSCRIPTION,)),
            )
        ),
    ),
    # RFC 5465 §3.1, an example without parentheses around the events.
    (
        (
            b"notify set status (selected MessageNew (uid"
            b" body.peek[header.fields (from to subject)]) MessageExpunge)"
            b" (subtree Lists MessageNew)"
        ),
        Notify(
            (
                EventGroup(
                    FilterKind.SELECTED, (), (Event("MESSAGENEW", (UID, HEADERS)), GONE)
                ),
                EventGroup(FilterKind.SUBTREE, (b"Lists",), (NEW,)),
            ),
            status=True,
        ),
    ),
    (
        b"NOTIFY SET (personal (X-Unheard-Of))",
        Notify((EventGroup(FilterKind.PERSONAL, (), (Event("X-UNHEARD-OF"),)),)),
    ),
    (
        b"NOTIFY SET (personal NONESUCH)",
        Notify((EventGroup(FilterKind.PERSONAL, (), (Event("NONESUCH"),)),)),
    ),
]


@pytest.mark.parametrize(("text", "node"), FORMS)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    assert reparsed("NOTIFY", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"NOTIFY", "a space wanted at octet 8"),
        (b"NOTIFY ALL", "SET or NONE wanted at octet 9"),
        (b"NOTIFY NONE x", "the end of the command wanted at octet 13"),
        (b"NOTIFY SET", "a space wanted at octet 12"),
        (b"NOTIFY SET STATUS", "'(' wanted at octet 13"),
        (b"NOTIFY SET STATUS (personal NONE) ", "'(' wanted at octet 36"),
        (b"NOTIFY SET personal NONE", "'(' wanted at octet 13"),
        (b"NOTIFY SET (everything NONE)", "a mailbox filter wanted at octet 14"),
        (b"NOTIFY SET (subtree)", "a space wanted at octet 21"),
        (b"NOTIFY SET (subtree () NONE)", "a string wanted at octet 23"),
        (b"NOTIFY SET (personal)", "a space wanted at octet 22"),
        (b"NOTIFY SET (personal ())", "an atom wanted at octet 24"),
        (b"NOTIFY SET (personal (NONE)", "')' wanted at octet 29"),
        (
            b"NOTIFY SET (selected (MessageNew ()))",
            "a fetch item wanted at octet 36",
        ),
        (
            b"NOTIFY SET (selected (MessageNew (XYZ)))",
            "a fetch item wanted at octet 36",
        ),
        (b"NOTIFY SET (selected (MessageNew (ALL)))", "a fetch item wanted"),
        (b"NOTIFY SET (selected (FlagChange (UID)))", "an atom wanted at octet 35"),
    ],
)
def test_what_is_no_notify_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


_events = st.one_of(
    st.sampled_from([NEW, GONE, FLAG, NAME, SUBSCRIPTION, Event("X-OTHER")]),
    st.builds(
        Event,
        st.just("MESSAGENEW"),
        st.lists(strategies.fetch_items, min_size=1, max_size=3).map(tuple),
    ),
)
_KINDS = [kind for kind in FilterKind if kind is not FilterKind.SUBTREE_ONE]
_event_lists = st.lists(_events, max_size=4).map(tuple)
_names = st.lists(strategies.strings, min_size=1, max_size=3).map(tuple)
_groups = st.one_of(
    st.builds(
        EventGroup,
        st.sampled_from([kind for kind in _KINDS if not kind.has_names]),
        st.just(()),
        _event_lists,
    ),
    st.builds(
        EventGroup,
        st.sampled_from([kind for kind in _KINDS if kind.has_names]),
        _names,
        _event_lists,
    ),
)
_nodes = st.one_of(
    st.just(Notify()),
    st.builds(
        Notify, st.lists(_groups, min_size=1, max_size=4).map(tuple), st.booleans()
    ),
)


@given(_nodes)
def test_parse_is_the_inverse_of_unparse(node):
    assert reparsed("NOTIFY", node) == node


def test_nodes_that_cannot_be():
    for make in (
        lambda: Event("FLAGCHANGE", (UID,)),
        lambda: Event("MESSAGENEW", ()),
        lambda: EventGroup(FilterKind.SUBTREE),
        lambda: EventGroup(FilterKind.PERSONAL, (b"x",)),
        lambda: Notify((), status=True),
    ):
        with pytest.raises(ValueError, match=r"."):
            make()


def test_the_feature():
    (command,) = FEATURE.commands
    assert command.run is run
    assert [c.text for c in FEATURE.capabilities] == ["NOTIFY"]


# -- what cannot be asked for


def checked(text: bytes) -> None:
    check(parsed(b"NOTIFY SET " + text), most_items=3)


@pytest.mark.parametrize(
    "text",
    [
        b"(personal (MessageNew))",
        b"(personal (MessageExpunge))",
        b"(personal (FlagChange))",
        b"(personal (FlagChange MailboxName))",
        b"(mailboxes a (MessageNew MessageExpunge)) (mailboxes b (MessageNew))",
        b"(selected (MessageNew MessageExpunge MailboxName))",
        b"(selected-delayed (SubscriptionChange))",
        b"(selected NONE) (selected-delayed NONE)",
        b"(selected NONE) (selected NONE)",
        b"(personal (MessageNew (UID) MessageExpunge))",
    ],
)
def test_what_does_not_go_together_is_bad(text):
    """RFC 5465 §5, §6.1, §8."""
    with pytest.raises(Bad):
        checked(text)


@pytest.mark.parametrize(
    "text",
    [
        b"(personal (AnnotationChangeS))",
        b"(selected (X-Y))",
        b"(selected NONE) (selected NONE) (personal (MessageNew foo))",
    ],
)
def test_an_event_that_is_not_known_is_refused_with_those_that_are(text):
    """RFC 5465 §3.1: NO and not BAD, whatever else is wrong."""
    with pytest.raises(No) as refusal:
        checked(text)
    code = refusal.value.code
    assert code is not None
    assert code.startswith(
        "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"
    )


def test_too_many_items():
    four = b" ".join([b"UID"] * 4)
    with pytest.raises(No) as refusal:
        checked(b"(selected (MessageNew (%b) MessageExpunge))" % four)
    assert refusal.value.code == "LIMIT"


def test_too_many_groups():
    """RFC 5465 §3.1: too expensive is NO NOTIFICATIONOVERFLOW."""
    checked(b" ".join([b"(mailboxes a (MailboxName))"] * MAX_GROUPS))
    with pytest.raises(No) as refusal:
        checked(b" ".join([b"(personal NONE)"] * (MAX_GROUPS + 1)))
    assert refusal.value.code == "NOTIFICATIONOVERFLOW"


# -- what is wanted


def entry(name: str, *, subscribed: bool = False) -> MailboxEntry:
    return MailboxEntry(name, True, True, False, subscribed)


def interests(text: bytes) -> Interests:
    node = parsed(b"NOTIFY SET " + text)
    check(node, most_items=100)
    return Interests(node)


MESSAGES = b"(MessageNew MessageExpunge)"


@pytest.mark.parametrize(
    ("filters", "wanted", "others"),
    [
        (b"personal", ["INBOX", "a", "a/b"], []),
        (b"inboxes", ["INBOX", "a"], []),
        (b"mailboxes a/b", ["a/b"], ["a", "a/b/c", "INBOX"]),
        (b"mailboxes (inbox x)", ["INBOX", "x"], ["a"]),
        (b'mailboxes ("a*" "%")', [], ["a", "ab", "INBOX"]),
        (b"subtree a", ["a", "a/b", "a/b/c"], ["ab", "INBOX", "b/a"]),
        (b"subtree (a/b inbox)", ["a/b", "a/b/c", "INBOX", "INBOX/x"], ["a"]),
        (b"subtree a/", ["a", "a/b"], ["b"]),
        (b"subtree &bad", [], ["a", "INBOX"]),
    ],
)
def test_filters(filters, wanted, others):
    found = interests(b"(%b %b)" % (filters, MESSAGES))
    assert all(found.want("MESSAGENEW", entry(name)) for name in wanted)
    assert not any(found.want("MESSAGENEW", entry(name)) for name in others)
    assert not any(found.want("MAILBOXNAME", entry(name)) for name in wanted)


def test_subscribed_is_asked_each_time():
    found = interests(b"(subscribed %b)" % MESSAGES)
    assert found.want("MESSAGENEW", entry("a", subscribed=True))
    assert not found.want("MESSAGENEW", entry("a"))
    assert found.want("MESSAGENEW", entry("a"), entry("b", subscribed=True))
    assert not found.want("MESSAGENEW", None)


def test_groups_add_up():
    """RFC 5465 §6, the first example."""
    found = interests(
        b"(mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))"
    )
    assert found.want("MESSAGENEW", entry("INBOX"))
    assert found.want("SUBSCRIPTIONCHANGE", entry("INBOX"))
    assert not found.want("MESSAGENEW", entry("a"))


def test_none_takes_mailboxes_out_of_the_groups_behind_it():
    found = interests(b"(mailboxes Spam NONE) (personal %b)" % MESSAGES)
    assert found.want("MESSAGENEW", entry("INBOX"))
    assert not found.want("MESSAGENEW", entry("Spam"))
    found = interests(b"(mailboxes a %b) (personal NONE)" % MESSAGES)
    assert found.want("MESSAGENEW", entry("a"))
    assert not found.want("MESSAGENEW", entry("b"))


def test_the_selected_mailbox():
    assert interests(b"(personal NONE)").selected is None
    assert interests(b"(selected NONE)").selected is None
    assert not interests(b"(selected %b)" % MESSAGES).of_others
    found = interests(b"(selected %b)" % MESSAGES)
    events = frozenset({"MESSAGENEW", "MESSAGEEXPUNGE"})
    assert found.selected == OfSelected(events=events)
    found = interests(
        b"(selected-delayed (FlagChange MessageNew (UID) MessageExpunge))"
    )
    events |= {"FLAGCHANGE"}
    assert found.selected == OfSelected((UID,), True, True, events)
    assert len(ATTRIBUTES) > 5
