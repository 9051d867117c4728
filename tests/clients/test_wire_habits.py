"""What programs that can't run here are seen to send, and must be answered.

Each test is the habit of one program, in the order in which it sends its commands.
"""

from __future__ import annotations

import pytest

from tests.support.client import Client
from tests.support.responses import Exists, Fetch, ListLine, SearchResult
from tests.support.server import ServerProcess

pytestmark = pytest.mark.net

FIELDS = (
    "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups"
    " In-Reply-To Content-Type Reply-To"
)


def message(number: int, octets: int = 0) -> bytes:
    return (
        b"From: a@example.org\r\nMessage-ID: <%d@example.org>\r\nSubject: %d\r\n\r\n"
        % (number, number)
    ) + b"0123456789abcde\n".replace(b"\n", b"\r\n") * (octets // 17 + 1)


def numbers(client: Client, text: str) -> tuple[int, ...]:
    return client.ok(text).one(SearchResult).numbers


def test_thunderbird_opens_a_mailbox_and_reads_in_chunks(server: ServerProcess):
    with server.connect() as client:
        client.ok("capability")
        password = server.accounts["alice"].password.encode()
        client.authenticate("PLAIN", b"\0alice\0" + password, initial=True)
        client.ok('ID ("name" "Thunderbird" "version" "140.0")')
        client.ok("namespace")
        client.ok('list "" "*"')
        client.ok('lsub "" "*"')
        # It names what it makes with the delimiter at the end, and subscribes.
        client.ok('create "thunderbird/"')
        client.ok('subscribe "thunderbird"')
        sent = message(1, 300_000)
        client.append(sent, "thunderbird", r"\Seen")
        client.select("thunderbird")
        (uid,) = numbers(
            client, 'UID SEARCH UNDELETED HEADER Message-ID "<1@example.org>"'
        )
        rows = client.ok("UID fetch 1:* (FLAGS)").of(Fetch)
        assert [row.items["UID"] for row in rows] == [uid]
        (row,) = client.ok(
            f"UID fetch {uid} (UID RFC822.SIZE FLAGS"
            f" BODY.PEEK[HEADER.FIELDS ({FIELDS})])"
        ).of(Fetch)
        size = row.items["RFC822.SIZE"]
        assert size == len(sent)
        assert isinstance(size, int)
        # It compares what it got to the size, octet by octet.
        got, step = b"", 65_536
        while len(got) < size:
            (piece,) = client.ok(
                f"UID fetch {uid} (UID RFC822.SIZE BODY.PEEK[]<{len(got)}.{step}>)"
            ).of(Fetch)
            data = piece.items[f"BODY[]<{len(got)}>"]
            assert isinstance(data, bytes)
            assert data
            got += data
            step += 16_384
        assert got == sent
        client.ok(rf"uid store {uid} +Flags (\Deleted)")
        client.ok("expunge")
        client.ok('rename "thunderbird" "thunderbird2"')


def test_k9_asks_for_the_last_message(server: ServerProcess):
    with server.client("alice") as client:
        client.ok("CREATE k9")
        client.select("k9")
        assert numbers(client, "UID SEARCH *:*") == ()
        for number in range(1, 4):
            client.append(message(number), "k9")
        assert numbers(client, "UID SEARCH *:*") == (3,)
        found = numbers(client, "UID SEARCH 2:3 SINCE 01-Jan-2020 NOT DELETED")
        assert found == (2, 3)
        (row,) = client.ok("UID FETCH 3 (UID BODY.PEEK[]<0.5120>)").of(Fetch)
        assert row.items["BODY[]<0>"] == message(3)
        client.ok("UID MOVE 3 Trash")


def test_outlook_starts_and_stops_idle(server: ServerProcess):
    with server.client("alice") as client:
        client.ok('LIST "" "*"')
        client.ok("CREATE outlook")
        client.select("outlook")
        for number in range(1, 40):
            with client.idle():
                pass
            if number % 10 == 0:
                client.append(message(number), "outlook")
        assert client.select("outlook").one(Exists).number == 3


def test_roundcube_probes_the_hierarchy(server: ServerProcess):
    for number in range(5):  # it logs in for every page
        with server.client("alice", tls=True) as client:
            client.literal_plus = True
            name = f"foldertest{number}/foldertest"
            client.ok("CREATE {}", name.encode())
            (line,) = client.ok('LIST "" {}', name.encode()).of(ListLine)
            assert line.name == name
            client.ok("DELETE {}", name.encode())
            client.ok("DELETE {}", name.rpartition("/")[0].encode())
            client.ok("LOGOUT")


def test_apple_sends_several_at_once(server: ServerProcess):
    with server.client("alice") as client:
        tags = [
            client.send("NAMESPACE"),
            client.send('LIST "" "*"'),
            client.send('STATUS "INBOX" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)'),
            client.send("NOOP"),
        ]
        assert [client.wait(tag).kind for tag in tags] == ["OK"] * 4


def test_sets_of_hundreds_of_numbers_in_any_order(server: ServerProcess):
    """FairEmail and imapsync send them; cases and spaces vary as well."""
    with server.client("alice") as client:
        client.ok("CREATE sets")
        client.literal_plus = True
        for number in range(1, 301):
            client.send("APPEND sets {}", message(number))
        for number in range(1, 301):
            client.wait(f"t{number + 2}")
        client.select("sets")
        odd = ",".join(str(number) for number in range(299, 0, -2))
        rows = client.ok(f"uid Fetch {odd} (uId fLaGs)").of(Fetch)
        assert [row.items["UID"] for row in rows] == list(range(1, 300, 2))
        client.ok(rf"UID STORE {odd} +flags.silent (\seen)")
        assert numbers(client, "SEARCH UNSEEN") == tuple(range(2, 301, 2))


def test_many_connections_of_one_account(server: ServerProcess):
    clients = [server.client("alice", tls=number % 2 == 0) for number in range(12)]
    try:
        for client in clients:
            client.select()
        for client in clients:
            client.ok("NOOP")
    finally:
        for client in clients:
            client.close()
