"""Random conversations by LMTP and SMTP: every answer is one, no defect, no relay.

Whatever is said, answers are well formed, the conversation goes on or ends with 221,
421 or 521, and each message that was answered 250 is there once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailstore.service import StoreOptions
from tests.support.furnished import CHEAP
from tests.support.session import World
from tests.support.transfer import Mta

LAST = (221, 421, 521)
PIECES = (
    b"LHLO a\r\n",
    b"EHLO a\r\n",
    b"HELO\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM:<a@b> SIZE=10 BODY=BINARYMIME SMTPUTF8\r\n",
    b"MAIL FROM:<a@b> BODY=8BITMIME\r\n",
    b"RCPT TO:<ann>\r\n",
    b"RCPT TO:<ANN+Sent>\r\n",
    b"RCPT TO:<bob>\r\n",
    b"RCPT TO:<nobody@elsewhere.example>\r\n",
    b'RCPT TO:<"a\\',
    b"DATA\r\n",
    b"BDAT 3\r\nabc",
    b"BDAT 0 LAST\r\n",
    b"BDAT 5 LAST\r\na: b\n",
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"STARTTLS\r\n",
    b"VRFY ann\r\n",
    b"QUIT\r\n",
    b"Subject: x\r\n\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"..\r\n",
    b"\n.\n",
    b"\r",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"x" * 5_000,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    options = StoreOptions(directory=CHEAP, free_space_floor=0)
    made = World(
        tmp_path_factory.mktemp("fuzz") / "store", "ann", "bob", options=options
    )
    yield made
    made.close()


def count(world: World) -> int:
    """Count the messages of everybody."""

    async def work() -> int:
        found = 0
        for row in world.store.directory.accounts():
            account = await world.store.account(row.id)
            statuses = await account.statuses(("INBOX", "Sent"), recent=False)
            found += sum(one.messages for one in statuses.values())
            await account.close()
        return found

    return world.runtime.run(work())


@given(
    lmtp=st.booleans(),
    hello=st.booleans(),
    pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=40),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_said_breaks_it(
    world: World, pieces: list[bytes], *, lmtp: bool, hello: bool
):
    before = count(world)
    mta = Mta(world, lmtp=lmtp, starttls=True)
    if hello:
        mta.hello()
    answers: list[tuple[int, str]] = []
    for piece in pieces:
        if mta.closed:
            break
        mta.talk.receive(piece)
        answers += mta.read()
    assert all(200 <= code < 600 for code, _ in answers)
    assert mta.closed == (bool(answers) and answers[-1][0] in LAST)
    mta.drop()
    stored = sum(text.endswith(" stored") for _, text in answers)
    # SMTP has one answer for two people; LMTP two for one mailbox named twice.
    grown = count(world) - before
    assert (grown > 0) == (stored > 0)
    if lmtp:
        assert grown <= stored
    assert list(Path(world.store.path / "spool").glob("*")) == []
