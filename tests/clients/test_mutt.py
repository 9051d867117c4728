"""mutt, with its keys pushed, on a terminal that nobody looks at."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import SECONDS, environment, needed_program
from tests.support.client import Client
from tests.support.responses import Fetch
from tests.support.server import ServerProcess

pytestmark = pytest.mark.net

SETTINGS = """\
set imap_user = "alice"
set imap_pass = "alice's pass \\\\ word"
set folder = "{url}"
set spoolfile = "{url}{box}"
set record = "{url}Sent"
set postponed = "{url}Drafts"
set realname = "Alice"
set from = "alice@example.org"
set sendmail = "/bin/true"
set editor = "/bin/true"
set ssl_force_tls = yes
set ssl_starttls = yes
set ssl_ca_certificates_file = "{authority}"
set certificate_file = "./certificates"
set imap_check_subscribed = yes
set imap_idle = {idle}
set mail_check = 0
set timeout = 1
set confirmcreate = no
set confirmappend = no
set delete = yes
set quit = yes
set wait_key = no
set sleep_time = 0
set mark_old = no
set move = no
set abort_unmodified = no
set abort_nosubject = no
set recall = no
set header_cache = "./cache"
set imap_qresync = no
set sort = mailbox-order
push "{keys}"
"""
Mutt = Callable[..., str]


@pytest.fixture
def mutt(server: ServerProcess, tmp_path: Path) -> Mutt:
    """Give what runs mutt on a mailbox with keys, and gives what it showed."""
    program = needed_program("mutt", "mutt")

    def call(box: str, keys: str, *, starttls: bool = False, idle: str = "no") -> str:
        url = f"imaps://localhost:{server.tls_port}/"
        if starttls:
            url = f"imap://localhost:{server.port}/"
        (tmp_path / "muttrc").write_text(
            SETTINGS.format(
                url=url,
                box=box,
                keys=keys,
                idle=idle,
                authority=server.certificates.authority,
            )
        )
        return on_terminal([program, "-n", "-F", "muttrc"], tmp_path)

    return call


def on_terminal(line: list[str], home: Path) -> str:
    """Run a program on a terminal of its own until it ends; give what it showed."""
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        line,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env=environment(home),
        start_new_session=True,
    ) as process:
        os.close(theirs)
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline:
                if select.select([ours], [], [], 1)[0]:
                    try:
                        data = os.read(ours, 65_536)
                    except OSError:  # how Linux tells that the other end was closed
                        data = b""
                    if not data:
                        break
                    shown += data
            else:
                raise AssertionError(f"it doesn't end; it shows {shown[-2_000:]!r}")
        finally:
            if process.poll() is None and time.monotonic() >= deadline:
                process.kill()
            os.close(ours)
    text = shown.decode("utf-8", "backslashreplace")
    assert process.returncode == 0, text[-2_000:]
    return text


def fill(client: Client, name: str, count: int) -> None:
    client.ok(f"CREATE {name}")
    for number in range(1, count + 1):
        client.append(
            b"From: b@example.org\r\nSubject: mail %d\r\n"
            b"Message-ID: <%d@example.org>\r\n\r\nbody %d\r\n" % ((number,) * 3),
            name,
        )


def flags(client: Client, name: str) -> dict[int, set[str]]:
    """Give the flags of a mailbox's messages by UID."""
    client.select(name)
    found = {}
    for row in client.ok("UID FETCH 1:* FLAGS").of(Fetch):
        uid, told = row.items["UID"], row.items["FLAGS"]
        assert isinstance(uid, int)
        assert isinstance(told, frozenset)
        found[uid] = set(told) - {"\\Recent"}
    return found


def test_flags_copies_and_removals(mutt: Mutt, server: ServerProcess):
    with server.client("alice") as client:
        fill(client, "mutt1", 5)
        mutt(
            "mutt1",
            "<first-entry><flag-message>"
            "<first-entry><next-entry><delete-message>"
            # Both mailboxes are missing: mutt makes them after TRYCREATE.
            "<first-entry><next-undeleted><copy-message><kill-line>=mutt1/new<enter>"
            "<last-entry><save-message><kill-line>=mutt1/saved<enter>"
            "<first-entry><toggle-new>"
            "<sync-mailbox><quit>",
        )
        assert flags(client, "mutt1") == {
            1: {"\\Flagged", "\\Seen"},
            3: set(),
            4: set(),
        }
        assert len(flags(client, "mutt1/new")) == 1
        assert len(flags(client, "mutt1/saved")) == 1


def test_reading_marks_as_seen_and_search_is_the_servers(
    mutt: Mutt, server: ServerProcess
):
    with server.client("alice") as client:
        fill(client, "mutt2", 4)
        # =b asks the server: SEARCH BODY.
        mutt(
            "mutt2",
            "<limit>=b 'body 3'<enter><display-message><exit>"
            "<limit><kill-line>~A<enter><sync-mailbox><quit>",
            starttls=True,
        )
        assert flags(client, "mutt2") == {
            1: set(),
            2: set(),
            3: {"\\Seen"},
            4: set(),
        }


def test_a_draft_is_kept_and_a_sent_message_is_filed(mutt: Mutt, server: ServerProcess):
    with server.client("alice") as client:
        fill(client, "mutt3", 1)
        drafts, sent = client.exists("Drafts"), client.exists("Sent")
        mutt(
            "mutt3",
            "<mail>bob@example.org<enter>a draft<enter><postpone-message>"
            "<mail>bob@example.org<enter>a letter<enter><send-message><quit>",
        )
        assert client.exists("Drafts") == drafts + 1
        assert client.exists("Sent") == sent + 1
        client.select("Sent")
        row = client.ok("FETCH * (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").one(Fetch)
        assert "\\Seen" in row.items["FLAGS"]  # type: ignore[operator]
        assert b"a letter" in row.items["BODY[HEADER.FIELDS (SUBJECT)]"]  # type: ignore[operator]


def test_a_second_visit_uses_what_the_first_has_cached(
    mutt: Mutt, server: ServerProcess
):
    with server.client("alice") as client:
        fill(client, "mutt4", 3)
        mutt("mutt4", "<display-message><exit><quit>", idle="yes")
        client.select("mutt4")
        client.ok(r"UID STORE 2 +FLAGS.SILENT (\Deleted)")
        client.ok("EXPUNGE")
        mutt("mutt4", "<last-entry><flag-message><sync-mailbox><quit>", idle="yes")
        assert flags(client, "mutt4") == {1: {"\\Seen"}, 3: {"\\Flagged"}}
