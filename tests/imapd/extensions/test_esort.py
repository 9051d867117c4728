"""ESORT as text, and what it returns (RFC 5267 §3)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.esort import FEATURE
from imapd.features import ALL as FEATURES
from imapd.session.dispatch import parse_command
from imapd.session.faults import Bad
from imapd.session.registry import Registry
from imapd.session.search_result import ReturnOption
from imapd.syntax.partial_range import PartialRange
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Esearch
from tests.support.session import Session, World


@pytest.mark.parametrize("name", ["SORT", "UID SORT"])
@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"", ()),
        (b"min MAX", (ReturnOption("MIN"), ReturnOption("MAX"))),
        (b"ALL COUNT", (ReturnOption("ALL"), ReturnOption("COUNT"))),
        (b"PARTIAL -1:-5", (ReturnOption("PARTIAL", PartialRange(-1, -5)),)),
        (b"SAVE", (ReturnOption("SAVE"),)),
    ],
)
def test_each_option_is_known(name, text, options):
    node = parsed(b"%b RETURN (%b) (REVERSE DATE) UTF-8 ALL" % (name.encode(), text))
    assert node.returns == options
    assert reparsed(name, node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"SORT (DATE) RETURN () UTF-8 ALL", "a search key wanted"),
        (b"SORT RETURN (MEDIAN) (DATE) UTF-8 ALL", "a return option wanted"),
        (b"SORT RETURN (ALL PARTIAL 1:2) (DATE) UTF-8 ALL", "go together wanted"),
    ],
)
def test_what_is_no_extended_sort_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_options_are_gone_with_the_feature():
    registry = Registry.of(
        [one for one in FEATURES if FEATURE.name not in (one.name, *one.requires)]
    )
    with pytest.raises(Bad):
        parse_command(
            registry, registry.commands["SORT"], b" RETURN (SAVE) (DATE) UTF-8 ALL", 0
        )


def message(size: int) -> bytes:
    return b"Subject: x\r\n\r\n" + b"y" * size


@pytest.fixture
def ann(tmp_path):
    world = World(tmp_path)
    world.deliver(message(30), message(10), message(50), message(20), message(40))
    session = world.session(mailbox=b"INBOX")
    session.ok(b"UID STORE 1 +FLAGS.SILENT (\\Deleted)")
    session.ok(b"UID EXPUNGE 1")
    yield session
    world.close()


def esearch(session: Session, text: bytes) -> Esearch:
    (found,) = session.ok(text).of(Esearch)
    return found


def test_the_order_is_that_of_the_sort(ann):
    """Sizes by UID: 2 is the smallest, then 4, 5, 3; the numbers are one less."""
    found = esearch(ann, b"UID SORT RETURN (MIN MAX ALL COUNT) (SIZE) UTF-8 ALL")
    assert found.uid
    assert found.data == (("MIN", 2), ("MAX", 3), ("ALL", (2, 4, 5, 3)), ("COUNT", 4))
    found = esearch(ann, b"SORT RETURN (MIN MAX ALL) (REVERSE SIZE) UTF-8 ALL")
    assert found.data == (("MIN", 2), ("MAX", 1), ("ALL", (2, 4, 3, 1)))


def test_ranges_ascend(ann):
    """RFC 5267 §3.2: 3:1 would be the same as 1:3."""
    raw = ann.ok(b"SORT RETURN () (REVERSE ARRIVAL) UTF-8 ALL").raw
    assert b"ALL 4,3,2,1\r\n" in raw or b"ALL 1:4\r\n" in raw  # arrived together
    assert b" ALL 1,3:4,2\r\n" in ann.ok(b"SORT RETURN () (SIZE) UTF-8 ALL").raw


def test_nothing_found_leaves_out_all_but_the_count(ann):
    found = esearch(ann, b"SORT RETURN (MIN MAX ALL COUNT) (SIZE) UTF-8 DRAFT")
    assert found.data == (("COUNT", 0),)


def test_what_is_saved_is_what_is_told(ann):
    for options, saved in (
        (b"SAVE", (2, 3, 4, 5)),
        (b"SAVE MIN", (2,)),
        (b"SAVE MIN MAX", (2, 3)),
        (b"SAVE MAX COUNT", (2, 3, 4, 5)),
        (b"SAVE PARTIAL 2:3", (4, 5)),
        (b"SAVE PARTIAL 2:3 MAX", (3, 4, 5)),
    ):
        ann.ok(b"SORT RETURN (%b) (SIZE) UTF-8 ALL" % options)
        assert esearch(ann, b"UID SEARCH RETURN (ALL) $")["ALL"] == saved


@given(st.integers(1, 5))
def test_pages_put_together_are_the_whole_order(tmp_path_factory, size):
    world = World(tmp_path_factory.mktemp("pages"))
    world.deliver(*[message(one) for one in (30, 10, 50, 20, 40)])
    session = world.session(mailbox=b"INBOX")
    whole = esearch(session, b"UID SORT RETURN (ALL) (SIZE) UTF-8 ALL")["ALL"]
    joined: list[int] = []
    for at in range(1, 6, size):
        page = b"%d:%d" % (at, at + size - 1)
        text = b"UID SORT RETURN (PARTIAL %b) (SIZE) UTF-8 ALL" % page
        joined += esearch(session, text)["PARTIAL"][1]  # type: ignore[index]
    assert tuple(joined) == whole
    world.close()
