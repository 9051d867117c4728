"""What a search reads of the text index: no more than it was asked about."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from mailstore.query import And, Predicate, TextContains, Uids
from mailstore.search import indexed, segment, textdb
from tests.mailstore.search.said import fill, found
from tests.mailstore.stores import Home


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def bodies(*words: str) -> list[bytes]:
    return [
        b"Subject: %d\r\n\r\n%b" % (n, word.encode()) for n, word in enumerate(words)
    ]


@contextmanager
def contents_read(home):
    """Note which blocks of the text index are read, as (segment, kind)."""
    read = []
    real = textdb.TextDatabase.contents

    def contents(text, row):
        found = text._database.one("SELECT segment, kind FROM block WHERE id=?", (row,))
        read.append(found)
        return real(text, row)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textdb.TextDatabase, "contents", contents)
        yield read


@pytest.mark.parametrize("shape", ["dense", "sparse", "copied"])
def test_a_long_body_of_another_mailbox_is_not_looked_through(home, monkeypatch, shape):
    """Long bodies have no words: whoever is asked about one reads all of it."""
    monkeypatch.setattr(segment, "_WORDS_UP_TO", 2_000)
    monkeypatch.setattr(indexed, "_FEW", 1)
    here = bodies(*["a fish", "some meat"] * 20)
    home.append("INBOX", *here[:20])
    home.append("Archive", *bodies("long fish " * 900), *here[:20])
    home.append("INBOX", *here[20:])
    fill(home)
    mailbox = home.open()
    wanted = list(range(1, 41, 2))
    term: Predicate = TextContains("fish")
    if shape == "sparse":
        term, wanted = And((term, Uids(((1, 4),)))), [1, 3]
    if shape == "copied":
        home.run(mailbox.copy(range(1, 11), "INBOX"))
        wanted += [41, 43, 45, 47, 49]
    with contents_read(home) as read:
        assert found(home, mailbox, term) == wanted
    assert [kind for _, kind in read if kind == segment.BODY] == []
    archive = home.open("Archive")
    with contents_read(home) as read:
        assert found(home, archive, TextContains("fish"))[:2] == [1, 2]
    assert segment.BODY in [kind for _, kind in read]
