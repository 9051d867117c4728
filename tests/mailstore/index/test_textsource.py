"""Messages by their ids, as the text index takes them in."""

from __future__ import annotations

from mailstore.index import textsource
from tests.mailstore.stores import Home


def test_messages_come_in_the_order_of_their_ids(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"Date: Thu, 1 Jan 1970 00:00:09 +0100\r\n\r\na", b"b", b"c")
    home.run(home.open().copy([1, 2], "Archive"))
    with home.account.readers.take() as index:
        found = textsource.after(index, 0, 2)
        assert [(one.id, one.sent, one.zone) for one in found] == [
            (1, -3_591, 60),
            (2, None, 0),
        ]
        assert [one.id for one in textsource.after(index, 2, 9)] == [3]
        assert textsource.after(index, 3, 9) == []
        assert textsource.last_message(index) == 3
        known = textsource.digests(index, 2, 9)
        assert known.keys() == {2, 3}
        assert textsource.digests(index, 1, 1) == {1: found[0].digest}
    home.close()
