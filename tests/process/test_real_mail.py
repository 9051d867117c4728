"""Real and torture mail: each message goes in and comes out whole, in every form.

What is checked needs no second MIME parser: whatever a message is, its pieces have to
fit together, their sizes have to be right, and a strict client has to understand all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.responses import Envelope, Exists, Fetch, Multipart, Part
from tests.support.responses import leaf_sections as leaves
from tests.support.server import ROOT, ServerProcess

pytestmark = pytest.mark.net

OWN = ROOT / "tests" / "data" / "mail"
SHARED = ROOT.parent / "shared" / "mail"
FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
NO_MAIL = {".md", ".gitattributes"}


def files(folder: Path) -> list[Path]:
    """List the files with mail in a folder, or skip the test if there is none."""
    if not folder.is_dir():
        pytest.skip(f"{folder.parent.name}/{folder.name} is not beside this project")
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in NO_MAIL and path.name[0] != "."
    )


def as_sent(content: bytes) -> bytes:
    """Give what a client would send of a file: lines end in CRLF, no NUL."""
    plain = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"")
    return plain.replace(b"\n", b"\r\n")


def value(fetch: Fetch, name: str) -> bytes:
    found = fetch.items[name]
    assert isinstance(found, bytes), (name, found)
    return found


def fetched(client: Client, uid: int, items: str) -> Fetch:
    (found,) = client.ok(f"UID FETCH {uid} ({items})").of(Fetch)
    assert found.items["UID"] == uid
    return found


def prove(client: Client, uid: int) -> bytes:
    """Check that all that FETCH tells of a message fits together; give it whole."""
    row = fetched(
        client,
        uid,
        "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[]"
        " BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER",
    )
    whole, header = value(row, "BODY[]"), value(row, "BODY[HEADER]")
    assert row.items["RFC822.SIZE"] == len(whole)
    assert header + value(row, "BODY[TEXT]") == whole
    assert header == value(row, "RFC822.HEADER")
    assert isinstance(row.items["ENVELOPE"], Envelope)
    body, structure = row.items["BODY"], row.items["BODYSTRUCTURE"]
    assert isinstance(body, Part | Multipart)
    assert isinstance(structure, Part | Multipart)
    sizes = [(name, part.size, part.lines) for name, part in leaves(structure)]
    assert sizes == [(name, part.size, part.lines) for name, part in leaves(body)]
    for name, size, _ in sizes[:50]:
        section = fetched(client, uid, f"BODY.PEEK[{name}] BODY.PEEK[{name}.MIME]")
        content = value(section, f"BODY[{name}]")
        assert len(content) == size, name
        assert content in whole
        middle = fetched(client, uid, f"BODY.PEEK[{name}]<{size // 2}.100>")
        wanted = content[size // 2 :][:100]
        assert value(middle, f"BODY[{name}]<{size // 2}>") == wanted
    prove_header(client, uid, header)
    return whole


def prove_header(client: Client, uid: int, header: bytes) -> None:
    """The fields that are wanted and those that are not are the header together."""
    names = "SUBJECT FROM RECEIVED X-NOT-THERE CONTENT-TYPE"
    row = fetched(
        client,
        uid,
        f"BODY.PEEK[HEADER.FIELDS ({names})] BODY.PEEK[HEADER.FIELDS.NOT ({names})]",
    )
    these = value(row, f"BODY[HEADER.FIELDS ({names})]")
    others = value(row, f"BODY[HEADER.FIELDS.NOT ({names})]")
    told = these.split(b"\r\n") + others.split(b"\r\n")
    assert sorted(filter(None, told)) == sorted(lines_of_fields(header))


def lines_of_fields(header: bytes) -> Iterator[bytes]:
    """Give the lines of a header that belong to a field (RFC 5322 §2.2)."""
    inside = False
    for line in header.split(b"\r\n"):
        if line[:1] not in (b" ", b"\t"):
            inside = FIELD.match(line) is not None
        if inside and line:
            yield line


def appended(
    client: Client, name: str, paths: list[Path]
) -> Iterator[tuple[int, bytes]]:
    client.literal_plus = True
    client.ok(f"CREATE {name}")
    for path in paths:
        content = as_sent(path.read_bytes())
        if content:
            yield client.append(content, name)[1], content


@pytest.mark.parametrize("folder", [OWN, SHARED], ids=["own", "shared"])
def test_every_message_comes_back_whole(folder: Path, server: ServerProcess):
    paths = files(folder)
    with server.client("alice") as client:
        name = f"appended-{'own' if folder is OWN else 'shared'}"
        sent = dict(appended(client, name, paths))
        client.ok("ENABLE UTF8=ACCEPT")  # without it headers in UTF-8 are downgraded
        client.select(name)
        for uid, content in sent.items():
            assert prove(client, uid) == content
        # All at once gives the same as one by one.
        rows = client.ok("FETCH 1:* (UID RFC822.SIZE)").of(Fetch)
        assert [row.items["RFC822.SIZE"] for row in rows] == [
            len(content) for content in sent.values()
        ]
        client.ok("FETCH 1:* FULL")
        client.ok("SEARCH TEXT {}", "straße".encode())


@pytest.mark.parametrize("folder", [OWN, SHARED], ids=["own", "shared"])
def test_every_message_is_imported(folder: Path, server: ServerProcess):
    """As files, whatever they hold: NUL octets and lone CRs too."""
    paths = files(folder)
    name = f"imported-{'own' if folder is OWN else 'shared'}"
    with server.client("bob") as client:
        client.ok(f"CREATE {name}")
        client.select(name)
        server.imapd(
            "import",
            "--account",
            "bob",
            "--mailbox",
            name,
            *map(str, paths),
            code=None,
        )
        client.ok("NOOP")
        count = client.select(name).one(Exists).number
        assert count >= len(paths) - 2  # an mbox has several, an empty file none
        for uid in range(1, count + 1):
            prove(client, uid)
