"""mbsync (isync): a Maildir and an account, kept the same in both directions.

It relies on what the server must never get wrong: UIDs and UIDVALIDITY that stay,
APPENDUID, headers found by SEARCH or FETCH, flags in both directions. All it says and
reads is compressed (RFC 4978): it uses that wherever it is offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.programs import needed_program, run
from tests.process.test_serve import until
from tests.support.client import Client
from tests.support.responses import Fetch
from tests.support.server import ServerProcess, running_server

pytestmark = pytest.mark.net

STORES = """\
IMAPAccount here
Host localhost
Port {port}
User carol
PassCmd "cat password"
SSLType {kind}
CertificateFile {authority}
AuthMechs {mechanism}

IMAPStore far
Account here

MaildirStore near
Path ./mail/
Inbox ./mail/INBOX
SubFolders Verbatim
Flatten .

"""
"""The server and a Maildir, as mbsync wants to be told of them."""

SETTINGS = """\
Channel all
Far :far:
Near :near:
Patterns {box} {box}/*
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""
Sync = Callable[[], str]


def message(number: int, size: int = 40) -> bytes:
    head = b"From: a@example.org\r\nSubject: mail %d\r\n\r\n" % number
    return head + b"x" * size + b"\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a server whose log tells each command."""
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, more_config="commands = true") as made:
        yield made


@pytest.fixture(params=["IMAPS", "STARTTLS"])
def box(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path
) -> tuple[str, Sync, Path]:
    """Give a mailbox's name, what syncs it, and the folder of its Maildir."""
    program = needed_program("mbsync", "isync")
    kind = str(request.param)
    implicit = kind == "IMAPS"
    name = f"sync{kind.lower()}"
    (tmp_path / "password").write_text(server.accounts["carol"].password)
    (tmp_path / "mbsyncrc").write_text(
        (STORES + SETTINGS).format(
            port=server.tls_port if implicit else server.port,
            kind=kind,
            authority=server.certificates.authority,
            mechanism="PLAIN" if implicit else "LOGIN",
            box=name,
        )
    )
    (tmp_path / "mail").mkdir()
    with server.client("carol") as client:
        if client.command(f"STATUS {name} (MESSAGES)").kind == "OK":
            client.ok(f"DELETE {name}")
        client.ok(f"CREATE {name}")

    def sync() -> str:
        return run([program, "-V", "-c", "mbsyncrc", "all"], tmp_path)

    return name, sync, tmp_path / "mail"


def near(folder: Path) -> dict[str, str]:
    """Give the flags of a Maildir's messages, by subject."""
    found = {}
    for path in [*folder.glob("cur/*"), *folder.glob("new/*")]:
        subject = next(
            line[9:]
            for line in path.read_text().splitlines()
            if line.startswith("Subject: ")
        )
        found[subject] = "".join(sorted(path.name.rpartition(":2,")[2]))[:9]
    return found


def far(client: Client, name: str) -> dict[str, str]:
    """Give the flags of a mailbox's messages in the letters of a Maildir."""
    letters = {
        "\\Seen": "S",
        "\\Answered": "R",
        "\\Flagged": "F",
        "\\Deleted": "T",
        "\\Draft": "D",
    }
    client.select(name)
    rows = client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    found = {}
    for row in rows.of(Fetch):
        head = row.items["BODY[HEADER.FIELDS (SUBJECT)]"]
        flags = row.items["FLAGS"]
        assert isinstance(head, bytes)
        assert isinstance(flags, frozenset)
        subject = head.decode().strip().removeprefix("Subject: ")
        found[subject] = "".join(sorted(letters.get(flag, "") for flag in flags))
    return found


def marked(path: Path, flags: str) -> Path:
    """Rename a message of a Maildir so that it carries flags."""
    base = path.name.partition(":2,")[0]
    return path.rename(path.parent.parent / "cur" / f"{base}:2,{flags}")


def by_subject(folder: Path, subject: str) -> Path:
    return next(
        path
        for path in [*folder.glob("cur/*"), *folder.glob("new/*")]
        if f"Subject: {subject}\n" in path.read_text()
    )


def test_both_sides_become_the_same(box: tuple[str, Sync, Path], server: ServerProcess):
    name, sync, mail = box
    with server.client("carol") as client:
        for number in range(1, 7):
            flags = r"\Seen" if number == 1 else ""
            client.append(message(number, 4 * 10**number), name, flags)
        sync()
        folder = mail / name
        assert near(folder) == {"mail 1": "S"} | {f"mail {n}": "" for n in range(2, 7)}
        # mbsync writes LF, and adds a field of its own while it is at work.
        text = by_subject(folder, "mail 6").read_bytes()
        sent = message(6, 4 * 10**6).replace(b"\r\n", b"\n")
        assert re.sub(rb"X-TUID: .*\n", b"", text) == sent

        # Here: one read, one answered, one gone, one new.
        marked(by_subject(folder, "mail 2"), "S")
        marked(by_subject(folder, "mail 3"), "FR")
        by_subject(folder, "mail 4").unlink()
        (folder / "cur" / "1.new.host:2,S").write_text(
            "From: b@example.org\nSubject: written here\n\nlines\n"
        )
        # There, meanwhile: one flagged, one gone, one new, one draft.
        client.select(name)
        client.ok(r"UID STORE 5 +FLAGS.SILENT (\Flagged)")
        client.ok(r"UID STORE 6 +FLAGS.SILENT (\Deleted)")
        client.ok("UID EXPUNGE 6")
        client.append(message(7), name, r"\Draft")
        sync()
        wanted = {
            "mail 1": "S",
            "mail 2": "S",
            "mail 3": "FR",
            "mail 5": "F",
            "mail 7": "D",
            "written here": "S",
        }
        assert near(folder) == wanted
        assert far(client, name) == wanted
        # Nothing is left to do.
        before = sorted(path.name for path in folder.glob("*/*"))
        sync()
        assert sorted(path.name for path in folder.glob("*/*")) == before
        assert far(client, name) == wanted
    until(lambda: '"command": "COMPRESS"' in server.log)


def test_mailboxes_are_made_on_the_other_side(
    box: tuple[str, Sync, Path], server: ServerProcess
):
    name, sync, mail = box
    with server.client("carol") as client:
        client.ok(f'CREATE "{name}/from there"')
        client.append(message(1), f"{name}/from there")
        sync()
        assert near(mail / f"{name}.from there") == {"mail 1": ""}
        made = mail / f"{name}.from here"
        for part in ("cur", "new", "tmp"):
            (made / part).mkdir(parents=True)
        (made / "new" / "1.x.host").write_text("Subject: first\n\nbody\n")
        sync()
        assert far(client, f"{name}/from here") == {"first": ""}
