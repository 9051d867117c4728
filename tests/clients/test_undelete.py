"""Mail programs bring back what was removed, and take none of it by themselves."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.programs import needed_program, run
from tests.clients.test_imaplib import ok
from tests.clients.test_mbsync import STORES, near
from tests.support.server import ServerProcess, running_server

pytestmark = pytest.mark.net

SETTINGS = """\
Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
SyncState *

Channel removed
Far ":far:Deleted/INBOX"
Near :near:kept
Create Near
Sync Pull
SyncState *
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a server that shows people what they have removed."""
    config = '\n[namespaces]\ndeleted = "Deleted"\n'
    with running_server(tmp_path_factory.mktemp("server"), more_config=config) as made:
        yield made


def lost(server: ServerProcess, name: str) -> imaplib.IMAP4:
    """Log in, and lose a message that says "keep me"."""
    client = imaplib.IMAP4(server.host, server.port, timeout=20)
    client.starttls(server.certificates.client_context())
    client.login(name, server.accounts[name].password)
    message = b"Subject: keep me\r\n\r\nhello\r\n"
    ok(client.append("INBOX", "(\\Flagged)", "", message))
    ok(client.select("INBOX"))
    ok(client.store("1", "+FLAGS.SILENT", "(\\Deleted)"))
    ok(client.expunge())
    return client


def test_imaplib_copies_it_back(server: ServerProcess):
    with lost(server, "bob") as client:
        assert b"Deleted/INBOX" in ok(client.list('""', "Deleted/*"))[0]
        ok(client.select("Deleted/INBOX", readonly=True))
        assert ok(client.search(None, "SUBJECT", "keep")) == [b"1"]
        ok(client.copy("1", "INBOX"))
        ok(client.select("INBOX"))
        ((head, body), _) = ok(client.fetch("1", "(FLAGS BODY.PEEK[TEXT])"))
        assert b"\\Flagged" in head
        assert body == b"hello\r\n"


def test_mbsync_takes_it_only_when_it_is_told_to(server: ServerProcess, tmp_path: Path):
    program = needed_program("mbsync", "isync")
    with lost(server, "carol"):
        pass
    (tmp_path / "password").write_text(server.accounts["carol"].password)
    (tmp_path / "mbsyncrc").write_text(
        (STORES + SETTINGS).format(
            port=server.tls_port,
            kind="IMAPS",
            authority=server.certificates.authority,
            mechanism="PLAIN",
        )
    )
    (tmp_path / "mail").mkdir()
    run([program, "-V", "-c", "mbsyncrc", "all"], tmp_path)
    folders = {path.name for path in (tmp_path / "mail").iterdir()}
    assert "INBOX" in folders
    assert not any("Deleted" in name for name in folders)
    for _ in range(2):  # the second time nothing is new
        run([program, "-V", "-c", "mbsyncrc", "removed"], tmp_path)
        assert near(tmp_path / "mail" / "kept") == {"keep me": "F"}
