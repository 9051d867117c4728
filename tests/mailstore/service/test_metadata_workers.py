"""Annotations and threads with two workers on one store."""

from __future__ import annotations

from mailstore.model import MailboxId
from tests.mailstore.index.older import make_older
from tests.mailstore.stores import Home


def test_what_one_sets_the_other_reads_and_tells(pair):
    one, two = pair
    before = two.account.metadata.version()
    woken: list[int] = []
    end = two.account.watch(lambda: woken.append(1))
    one.run(one.account.metadata.set("INBOX", {"/private/a": b"1"}))
    two.account.noticed(MailboxId(0))  # as the bus says it
    assert woken == [1]
    assert two.account.metadata.changes(before, ()) == [("INBOX", ["/private/a"])]
    found = two.run(two.account.metadata.get("INBOX", ["/private/a"]))
    assert found == [("/private/a", b"1")]
    end()
    two.account.noticed(MailboxId(0))
    assert woken == [1]
    # Versions go on from the other's.
    version = two.run(two.account.metadata.set("INBOX", {"/private/b": b"2"}))
    assert version == one.account.metadata.version()


def test_what_the_server_says_is_the_same_for_all(pair):
    one, two = pair
    server = one.store.directory.metadata
    values = {"/shared/comment": b"hello"}
    one.run(server.set(one.id, values, admin=True, now=0, octets=99, most=9))
    other = two.store.directory.metadata
    assert other.get(two.id, ["/shared/comment"]) == [("/shared/comment", b"hello")]
    assert other.changes(two.id, 0, ()) == ["/shared/comment"]


def test_two_workers_that_link_old_messages_agree(tmp_path):
    def mail(own: str, *references: str) -> bytes:
        ids = " ".join(f"<{one}@x>" for one in references)
        return f"Message-ID: <{own}@x>\r\nReferences: {ids}\r\n\r\nbody".encode()

    home = Home(tmp_path)
    home.append("INBOX", *[mail(f"m{at}", f"m{at // 2}") for at in range(600)])
    wanted = home.account.readers.event.all("SELECT id, thread FROM message")
    home.close()
    for path in tmp_path.rglob("index.db"):
        make_older(path, 1)
    one, two = Home(tmp_path), Home(tmp_path)
    linking = one.account.late.linking
    first = linking._read()
    two.run(two.account.late.linking.finish())  # faster than the one that has read
    one.run(linking.finish())
    assert len(first) == 256
    assert one.account.readers.event.all("SELECT id, thread FROM message") == wanted
    assert one.account.object_ids == two.account.object_ids
    two.close()
    one.close()
