"""A conversation is the same wherever its octets are cut."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.session import World
from tests.support.transfer import Mta

MESSAGE = b"Subject: hi\r\n\r\n..dot\r\n..\r\n\r\n.\r\n"
TALK = (
    b"LHLO x\r\nMAIL FROM:<a@example.net> SIZE=20\r\nRCPT TO:<ann>\r\nRCPT TO:<no>\r\n"
    b"DATA\r\n" + MESSAGE + b"NOOP\r\nMAIL FROM:<>\r\nRCPT TO:<bob>\r\n"
    b"BDAT 5\r\na: \r\nBDAT 4 LAST\r\n\r\nb\rNOOP " + b"x" * 5_000 + b"\r\n"
    b"MAIL FROM:<>\r\nRCPT TO:<ann>\r\nDATA\r\nbare\n.\n\r\n.\r\nFOO\r\nQUIT\r\n"
)
CODES = [220, 250, 250, 250, 550, 354, 250, 250, 250, 250, 250, 554, 500]
CODES += [250, 250, 354, 554, 500, 221]


@given(cuts=st.lists(st.integers(1, len(TALK) - 1), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_it_does_not_matter_how_a_conversation_is_cut(world: World, cuts: list[int]):
    mta = Mta(world)
    found = [code for code, _ in mta.greeting]
    edges = [0, *sorted(set(cuts)), len(TALK)]
    for start, end in itertools.pairwise(edges):
        mta.talk.receive(TALK[start:end])
    found += [code for code, _ in mta.read()]
    assert found == CODES
    assert mta.closed
