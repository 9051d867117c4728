"""ESEARCH as text, and what it finds where (RFC 7377)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.search.keys import StringKey, Word
from imapd.extensions.multisearch import MultiSearch
from imapd.session.faults import Bad
from imapd.session.limits import Limits
from imapd.session.search_result import ReturnOption
from imapd.syntax.mailbox_filter import FilterKind, MailboxFilter
from imapd.syntax.partial_range import PartialRange
from tests.imapd.commands import strategies
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Esearch
from tests.support.session import Session, World

FOLDERS = (
    MailboxFilter(FilterKind.MAILBOXES, (b"folder1",)),
    MailboxFilter(FilterKind.SUBTREE, (b"folder2",)),
)
SELECTED = MailboxFilter(FilterKind.SELECTED)
PERSONAL = MailboxFilter(FilterKind.PERSONAL)
UNSEEN = (Word("UNSEEN"),)

NODES = [
    (
        b'ESEARCH IN (mailboxes "folder1" subtree "folder2") unseen',
        MultiSearch(UNSEEN, FOLDERS),
    ),
    (b"ESEARCH UNSEEN", MultiSearch(UNSEEN)),
    (b"ESEARCH IN (selected) UNSEEN", MultiSearch(UNSEEN, (SELECTED,))),
    (
        b"ESEARCH RETURN (COUNT) UNSEEN",
        MultiSearch(UNSEEN, None, None, (ReturnOption("COUNT"),)),
    ),
    (
        b"ESEARCH IN (personal) RETURN (PARTIAL 1:9 MIN) CHARSET UTF-8 SUBJECT x",
        MultiSearch(
            (StringKey("SUBJECT", b"x"),),
            (PERSONAL,),
            b"UTF-8",
            (ReturnOption("PARTIAL", PartialRange(1, 9)), ReturnOption("MIN")),
        ),
    ),
    (
        b"ESEARCH IN (subtree-one (a b) subscribed inboxes) UNSEEN",
        MultiSearch(
            UNSEEN,
            (
                MailboxFilter(FilterKind.SUBTREE_ONE, (b"a", b"b")),
                MailboxFilter(FilterKind.SUBSCRIBED),
                MailboxFilter(FilterKind.INBOXES),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    assert reparsed("ESEARCH", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"ESEARCH", "a space wanted at octet 9"),
        (b"ESEARCH IN UNSEEN", "'(' wanted"),
        (b"ESEARCH IN () UNSEEN", "a mailbox filter wanted"),
        (b"ESEARCH IN (selected-delayed) UNSEEN", "a mailbox filter wanted"),
        (b"ESEARCH IN (personal (strict)) UNSEEN", "a mailbox filter wanted"),
        (b"ESEARCH IN (personal)", "a space wanted"),
        (b"ESEARCH RETURN (MIN) IN (personal) ALL", "a search key wanted"),
        (b"ESEARCH IN (personal) RETURN (MEDIAN) ALL", "a return option wanted"),
    ],
)
def test_what_is_no_esearch_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_a_node_has_sources_or_none():
    with pytest.raises(ValueError, match="source"):
        MultiSearch(UNSEEN, ())


sources = st.lists(
    st.sampled_from([SELECTED, PERSONAL, *FOLDERS]), min_size=1, max_size=3
).map(tuple)


@given(
    st.lists(strategies.search_keys, min_size=1, max_size=3).map(tuple),
    st.none() | sources,
    st.none() | strategies.strings,
)
def test_parse_is_the_inverse_of_unparse(keys, some, charset):
    node = MultiSearch(keys, some, charset)
    assert reparsed("ESEARCH", node) == node


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob")
    ann = made.session()
    for name in (b"folder1", b"folder2/banana", b"folder2/peach/stone", b"other"):
        ann.ok(b"CREATE " + name)
    made.deliver(b"Subject: chad\r\n\r\n", b"Subject: x\r\n\r\n", to="folder1")
    made.deliver(b"Subject: chad\r\n\r\n", to="folder2/banana")
    made.deliver(
        b"Subject: x\r\n\r\n", b"Subject: chad\r\n\r\n", to="folder2/peach/stone"
    )
    made.deliver(b"Subject: chad\r\n\r\n", to="other")
    made.deliver(b"Subject: chad\r\n\r\n", b"Subject: chad\r\n\r\n")
    made.deliver(b"Subject: chad\r\n\r\n", name="bob")
    yield made
    made.close()


def found(session: Session, command: bytes) -> dict[str, object]:
    """Give the ALL of each mailbox's answer."""
    answers = session.ok(command).of(Esearch)
    assert all(one.uid and one.tag and one.uidvalidity for one in answers)
    made = {str(one.mailbox): one["ALL"] for one in answers}
    assert len(made) == len(answers)
    return made


def test_each_mailbox_with_such_messages_is_answered(world):
    ann = world.session()
    assert found(
        ann, b"ESEARCH IN (mailboxes folder1 subtree folder2) SUBJECT chad"
    ) == {
        "folder1": (1,),
        "folder2/banana": (1,),
        "folder2/peach/stone": (2,),
    }
    assert found(ann, b"ESEARCH IN (subtree-one folder2) SUBJECT chad") == {
        "folder2/banana": (1,)
    }
    assert found(ann, b"ESEARCH IN (personal) SUBJECT chad") == {
        "INBOX": (1, 2),
        "folder1": (1,),
        "folder2/banana": (1,),
        "folder2/peach/stone": (2,),
        "other": (1,),
    }
    assert found(ann, b"ESEARCH IN (mailboxes nowhere) ALL") == {}
    assert found(ann, b"ESEARCH IN (personal) SUBJECT nothing") == {}


def test_a_mailbox_that_is_named_twice_is_searched_once(world):
    text = b"ESEARCH IN (mailboxes (other other) subtree other personal) SUBJECT chad"
    assert found(world.session(), text)["other"] == (1,)


def test_what_is_selected_stays_selected(world):
    ann = world.session(mailbox=b"other")
    raw = ann.ok(b"ESEARCH IN (personal) ALL").raw
    assert b"EXISTS" not in raw
    assert ann.ok(b"UID SEARCH RETURN (ALL) ALL").of(Esearch)[0]["ALL"] == (1,)
    first = world.session()
    first.ok(b"SELECT INBOX")
    # Nobody's \Recent was used up by the search.
    assert ann.ok(b"ESEARCH IN (mailboxes folder1) NEW").of(Esearch)[0]["ALL"] == (1, 2)


def test_without_sources_the_selected_mailbox_is_searched(world):
    ann = world.session()
    ann.bad(b"ESEARCH ALL")
    ann.bad(b"ESEARCH IN (selected) ALL")
    ann.bad(b"ESEARCH IN (selected personal) ALL")
    ann.ok(b"SELECT folder1")
    assert found(ann, b"ESEARCH ALL") == {"folder1": (1, 2)}
    assert found(ann, b"ESEARCH IN (selected mailboxes other) ALL") == {
        "folder1": (1, 2),
        "other": (1,),
    }


def test_an_empty_result_is_no_answer_whatever_is_asked_for(world):
    """RFC 7377 §2.1."""
    ann = world.session(mailbox=b"INBOX")
    text = b"ESEARCH IN (personal) RETURN (MIN MAX COUNT ALL) SUBJECT x"
    answers = ann.ok(text).of(Esearch)
    assert [one.mailbox for one in answers] == ["folder1", "folder2/peach/stone"]
    assert answers[0].data == (("MIN", 2), ("MAX", 2), ("ALL", (2,)), ("COUNT", 1))
    assert ann.ok(b"ESEARCH RETURN (COUNT) DELETED").untagged == ()


def test_a_page_is_taken_of_each_mailbox(world):
    answers = world.session().ok(
        b"ESEARCH IN (personal) RETURN (PARTIAL 2:2) SUBJECT chad"
    )
    assert {one.mailbox: one["PARTIAL"] for one in answers.of(Esearch)} == {
        "INBOX": ("2:2", (2,)),
        "folder1": ("2:2", ()),
        "folder2/banana": ("2:2", ()),
        "folder2/peach/stone": ("2:2", ()),
        "other": ("2:2", ()),
    }


def test_numbers_count_in_each_mailbox(world):
    """RFC 7377 §2: a rolling window; beyond the end is no error."""
    ann = world.session()
    assert found(ann, b"ESEARCH IN (personal) 2:100") == {
        "INBOX": (2,),
        "folder1": (2,),
        "folder2/peach/stone": (2,),
    }


def test_saving_is_for_the_selected_mailbox_alone(world):
    """RFC 7377 §2.2."""
    ann = world.session(mailbox=b"folder1")
    for sources in (b"personal", b"selected mailboxes other", b"mailboxes folder1"):
        ann.bad(b"ESEARCH IN (%b) RETURN (SAVE) ALL" % sources)
    assert ann.ok(b"ESEARCH IN (selected) RETURN (SAVE) SUBJECT x").untagged == ()
    assert ann.ok(b"UID SEARCH RETURN (ALL) $").of(Esearch)[0]["ALL"] == (2,)
    ann.ok(b"ESEARCH RETURN (SAVE COUNT) SUBJECT nothing")
    assert ann.ok(b"SEARCH RETURN (COUNT) $").of(Esearch)[0]["COUNT"] == 0


def test_the_selected_mailbox_is_as_the_client_knows_it(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    world.deliver(b"Subject: chad\r\n\r\n")
    found_now = ann.ok(b"ESEARCH IN (mailboxes INBOX) SUBJECT chad").of(Esearch)[0]
    assert found_now["ALL"] == (1, 2)


def test_a_charset_that_is_not_known_is_refused_once(world):
    world.session().no(b"ESEARCH IN (personal) CHARSET X TEXT x", "BADCHARSET")


def test_nobody_elses_mail_is_found(world):
    bob = world.session("bob")
    assert found(bob, b"ESEARCH IN (personal) ALL") == {"INBOX": (1,)}
    assert found(bob, b"ESEARCH IN (mailboxes folder1 subtree folder2) ALL") == {}


def test_too_many_mailboxes_are_refused(tmp_path):
    made = World(tmp_path, limits=Limits(search_mailboxes=3))
    ann = made.session()
    ann.no(b"ESEARCH IN (personal) ALL", "LIMIT")
    ann.ok(b"ESEARCH IN (mailboxes (INBOX Sent Trash)) ALL")
    made.close()


def test_names_are_told_as_the_session_writes_them(world):
    ann = world.session()
    ann.ok(b"CREATE &APw-ber")
    world.deliver(b"x", to="über")
    answer = ann.ok(b"ESEARCH IN (mailboxes &APw-ber) ALL")
    assert b"MAILBOX &APw-ber UIDVALIDITY" in answer.raw
