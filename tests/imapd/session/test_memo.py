"""What comes again is made once; there is never much of it."""

from __future__ import annotations

from imapd.session.memo import Memo


def test_what_was_kept_is_there_until_there_is_too_much():
    memo: Memo[str, int] = Memo(2)
    assert memo.keep("a", 1) == 1
    memo.keep("b", 2)
    assert (memo.get("a"), memo.get("b")) == (1, 2)
    memo.keep("c", 3)
    assert dict(memo) == {"c": 3}
