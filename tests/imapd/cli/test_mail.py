"""account, mailbox, import, export, check: what scripts call."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from imapd.cli import main
from imapd.cli.exits import Exit

CONFIG = """
[store]
path = "store"
[auth]
bcrypt_cost = 4
[[listen]]
address = "127.0.0.1:0"
tls = "none"
[limits]
message = 100000
"""


class Shell:
    """Runs subcommands on one configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "imapd.toml"
        self.file.write_text(CONFIG)
        (folder / "store").mkdir()

    def run(self, *arguments: str, text: str = "", code: int = Exit.OK):
        environment = {"IMAPD_CONFIG": str(self.file)}
        done = CliRunner().invoke(main, arguments, input=text, env=environment)
        assert done.exit_code == code, done.output
        return done

    def json(self, *arguments: str, code: int = Exit.OK):
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def shell(tmp_path):
    made = Shell(tmp_path)
    made.run("account", "add", "ann", "--password-stdin", text="pw\n")
    return made


def boxes(shell):
    rows = shell.json("mailbox", "list", "--account", "ann")
    return {row["name"]: row["messages"] for row in rows}


def test_accounts(shell):
    shell.run("account", "add", "Bob", text="secret\nsecret\n")
    assert shell.run("account", "list").stdout.splitlines() == ["ann", "Bob"]
    assert [row["name"] for row in shell.json("account", "list")] == ["ann", "Bob"]
    shell.run("account", "add", "ANN", text="x\nx\n", code=Exit.NAME)
    shell.run("account", "passwd", "bob", "--password-stdin", text="new\n")
    shell.run("account", "passwd", "nobody", text="x\nx\n", code=Exit.NAME)
    folders = list((shell.folder / "store" / "accounts").glob("*/*"))
    shell.run("mailbox", "list", "--account", "bob")
    shell.run("account", "remove", "bob", "--yes")
    assert list((shell.folder / "store" / "accounts").glob("*/*")) == folders
    shell.run("account", "remove", "bob", code=Exit.NAME)
    shell.run("account", "add", "a/b", "--password-stdin", text="x\n", code=Exit.FAILED)
    shell.run("account", "add", "x", "--password-stdin", text="\n", code=Exit.FAILED)
    for name in ("ann", "bob"):
        assert "pw" not in shell.run("account", "list").output, name


def test_mailboxes(shell):
    shell.run("mailbox", "create", "Work/2026", "--account", "ann")
    assert {"Work", "Work/2026", "INBOX"} <= boxes(shell).keys()
    shell.run("mailbox", "rename", "Work", "Job", "--account", "ann")
    assert "Job/2026" in boxes(shell)
    shell.run("mailbox", "delete", "Job/2026", "--account", "ann")
    assert "Job/2026" not in boxes(shell)
    assert "INBOX" in shell.run("mailbox", "list", "--account", "ann").stdout
    for arguments in (
        ("create", "INBOX"),
        ("create", "a//b"),
        ("delete", "nowhere"),
        ("rename", "nowhere", "x"),
    ):
        shell.run("mailbox", *arguments, "--account", "ann", code=Exit.NAME)
    shell.run("mailbox", "list", "--account", "nobody", code=Exit.NAME)
    shell.run("mailbox", "list", code=Exit.USAGE)


def source(folder: Path) -> Path:
    (folder / "in" / "Wörk").mkdir(parents=True)
    for at in range(5):
        file = folder / "in" / f"{at}.eml"
        file.write_bytes(b"Subject: %d\n\nx\n" % at)
        os.utime(file, (1_000_000_000, 1_000_000_000))
    (folder / "in" / "twin.eml").write_bytes(b"Subject: 0\n\nx\n")
    (folder / "in" / "nul.eml").write_bytes(b"Subject: nul\n\n\x00\n")
    (folder / "in" / "Wörk" / "a.eml").write_bytes(b"Subject: w\n\nx\n")
    (folder / "in" / "box.mbox").write_bytes(
        b"From a Thu Jan  1 00:00:10 1970\nStatus: RO\nX-Keywords: k ba(d\n\nx\n"
    )
    return folder / "in"


def test_import_can_be_started_again(shell, tmp_path):
    path = str(source(tmp_path))
    done = shell.run("import", "--account", "ann", path)
    assert "imported 9 messages, 0 were there" in done.stdout
    found = boxes(shell)
    assert (found["INBOX"], found["Wörk"], found["box"]) == (7, 1, 1)
    again = shell.json("import", "--account", "ann", path)
    assert (again["imported"], again["known"], again["skipped"]) == (0, 9, [])
    (tmp_path / "in" / "new.eml").write_bytes(b"Subject: new\n\n")
    assert shell.json("import", "--account", "ann", path)["imported"] == 1


def test_import_into_a_mailbox(shell, tmp_path):
    shell.run("import", "--account", "ann", "--mailbox", "Old", str(source(tmp_path)))
    assert {"Old", "Old/Wörk", "Old/box"} <= boxes(shell).keys()


def test_what_cannot_be_imported_is_told(shell, tmp_path):
    (tmp_path / "in" / "a*b").mkdir(parents=True)
    (tmp_path / "in" / "big.eml").write_bytes(b"x" * 200_000)
    (tmp_path / "in" / "good.eml").write_bytes(b"Subject: good\n\n")
    (tmp_path / "in" / "a*b" / "c.eml").write_bytes(b"Subject: c\n\n")
    path = str(tmp_path / "in")
    done = shell.run("import", "--account", "ann", path, code=Exit.FAILED)
    assert "imported 1 messages" in done.stdout
    assert re.search(r"skipped .*big\.eml: larger than", done.stderr)
    assert re.search(r"skipped .*c\.eml: its folder: .*wildcard", done.stderr)
    shell.run("import", "--account", "ann", "/nowhere", code=Exit.USAGE)


def test_no_mailbox_is_made_that_hides_what_others_share(shell, tmp_path):
    (tmp_path / "in" / "Shared").mkdir(parents=True)
    (tmp_path / "in" / "Shared" / "a.eml").write_bytes(b"Subject: a\n\n")
    (tmp_path / "in" / "b.eml").write_bytes(b"Subject: b\n\n")
    path = str(tmp_path / "in")
    done = shell.run("import", "--account", "ann", path, code=Exit.FAILED)
    assert "imported 1 messages" in done.stdout
    assert "imapd mailbox create NAME --shared" in done.stderr
    for name in ("Shared/Team", "Other Users/bob/Work"):
        to = ("--mailbox", name)
        shell.run("import", "--account", "ann", *to, path, code=Exit.NAME)
        shell.run("mailbox", "create", name, "--account", "ann", code=Exit.NAME)
        shell.run("mailbox", "rename", "Sent", name, "--account", "ann", code=Exit.NAME)
    assert not any(name.startswith(("Shared", "Other")) for name in boxes(shell))
    shell.run("mailbox", "create", "Shared/Team", "--shared")


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_what_was_exported_is_imported_alike(shell, tmp_path, form):
    shell.run("import", "--account", "ann", str(source(tmp_path)))
    before = boxes(shell)
    out = str(tmp_path / "out")
    done = shell.run("export", "--account", "ann", "--format", form, out)
    assert "exported 9 messages" in done.stdout
    shell.run("export", "--account", "ann", out, code=Exit.NAME)
    again = shell.json("import", "--account", "ann", out)
    if form == "maildir":
        assert (again["imported"], again["known"]) == (0, 9)
        assert boxes(shell) == before
    else:
        assert again["imported"] + again["known"] == 9
    shell.run(
        "export", "--account", "ann", "--mailbox", "No", out + "2", code=Exit.NAME
    )
    one = shell.run("export", "--account", "ann", "--mailbox", "box", out + "3")
    assert "exported 1 messages of 1 mailboxes" in one.stdout


def test_check(shell, tmp_path):
    shell.run("import", "--account", "ann", str(source(tmp_path)))
    assert "no problem" in shell.run("check").stdout
    report = shell.json("check")
    assert report["whole"]
    assert report["messages"] == 9
    (pack,) = (shell.folder / "store").rglob("*.pack")
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    assert "problems found" in shell.run("check", code=Exit.FAILED).stdout
    assert not shell.json("check", code=Exit.FAILED)["whole"]


def test_a_missing_store_is_told(shell):
    shell.file.write_text(CONFIG.replace('"store"', '"elsewhere"'))
    for arguments in (
        ("check",),
        ("account", "list"),
        ("mailbox", "list", "--account", "x"),
    ):
        shell.run(*arguments, code=Exit.STORE)


def test_rights(shell):
    ann = ("--account", "ann")
    shell.run("account", "add", "bob", "--password-stdin", text="pw\n")
    shell.run("group", "add", "sales")
    shell.run("group", "join", "sales", "bob")
    shell.run("acl", "set", "INBOX", "group:sales", "lrsw", *ann)
    shell.run("acl", "set", "INBOX", "bob", "+i", *ann)
    shell.run("acl", "set", "INBOX", "-bob", "w", *ann)
    shell.run("acl", "set", "INBOX", "group:sales", "-s", *ann)
    told = {
        row["identifier"]: row["rights"]
        for row in shell.json("acl", "list", "INBOX", *ann)
    }
    assert told == {
        "ann": "lrswipkxtean",
        "-bob": "w",
        "bob": "i",
        "group:sales": "lrw",
    }
    assert "lrw           group:sales" in shell.run("acl", "list", "INBOX", *ann).output
    found = shell.json("acl", "explain", "INBOX", "bob", *ann)
    assert found == {
        "rights": "lri",
        "given": {"bob": "i", "group:sales": "lrw"},
        "taken": {"-bob": "w"},
        "owner": False,
        "kept": "",
    }
    text = shell.run("acl", "explain", "INBOX", "bob", *ann).output
    assert "lrw given to group:sales" in text
    assert "w taken by -bob" in text
    text = shell.run("acl", "explain", "INBOX", "ann", *ann).output
    assert "as the owner" in text
    shell.run("acl", "set", "INBOX", "ann", "r", *ann)
    assert "la kept" in shell.run("acl", "explain", "INBOX", "ann", *ann).output
    shell.run("acl", "delete", "INBOX", "-bob", *ann)
    shell.run("acl", "delete", "INBOX", "bob", *ann)
    shell.run("acl", "delete", "INBOX", "group:sales", *ann)
    assert "nothing" in shell.run("acl", "explain", "INBOX", "bob", *ann).output
    shell.run("acl", "set", "INBOX", "nobody", "l", *ann, code=Exit.NAME)
    shell.run("acl", "set", "INBOX", "bob", "lQ", *ann, code=Exit.USAGE)
    shell.run("acl", "explain", "INBOX", "nobody", *ann, code=Exit.NAME)
    shell.run("acl", "list", "None", *ann, code=Exit.NAME)


def test_public_mailboxes(shell):
    shell.run("mailbox", "create", "Team/Plans", "--shared")
    shell.run("mailbox", "create", "INBOX", "--shared", code=Exit.FAILED)
    names = [row["name"] for row in shell.json("mailbox", "list", "--shared")]
    assert names == ["Team", "Team/Plans"]
    shell.run("mailbox", "rename", "Team/Plans", "Team/Old", "--shared")
    shell.run("mailbox", "delete", "Team/Old", "--shared")
    shell.run("mailbox", "list", code=Exit.USAGE)
    shell.run("mailbox", "list", "--shared", "--account", "ann", code=Exit.USAGE)
    # Their owner is no person.
    assert [row["name"] for row in shell.json("account", "list")] == ["ann"]
    shell.run("account", "remove", "/public", "--yes", code=Exit.NAME)
    shell.run("check")


def test_check_repairs_the_directory(shell):
    database = apsw.Connection(str(shell.folder / "store" / "directory.db"))
    database.execute("INSERT INTO alias VALUES ('x@y', 'x@y', 'nobody')")
    database.close()
    done = shell.run("check", code=Exit.FAILED).stdout
    assert "the alias x@y leads to account nobody, which is not there" in done
    report = shell.json("check", "--repair")
    assert report["whole"]
    assert [text.partition(" leads")[0] for text in report["repaired"]] == [
        "the directory: the alias x@y"
    ]
    assert "repaired" not in shell.run("check", "--repair").stdout


def test_check_repairs_and_salvages(shell, tmp_path, monkeypatch):
    shell.run("import", "--account", "ann", str(source(tmp_path)))
    (pack,) = (shell.folder / "store").rglob("*.pack")
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    done = shell.run("check", "--repair", "--account", "ann").stdout
    assert "was wrong: message 9: its bytes are not what was stored" in done
    assert "repaired: message 9 was moved out of the way" in done
    assert re.search(r"damaged: message 9, in .* with UID 1 until 20", done)
    assert "no problem" in done
    (account,) = shell.json("check", "--thorough")["accounts"]
    assert account["problems"] == []
    assert account["damaged"][0]["message"] == 9
    (index,) = (shell.folder / "store").rglob("index.db")
    index.unlink()
    for name in ("index.db-wal", "index.db-shm"):
        index.with_name(name).unlink(missing_ok=True)
    monkeypatch.setattr("imapd.cli.check._server_runs", lambda _: True)
    done = shell.run("check", "--repair", code=Exit.FAILED).stdout
    assert "stop the server" in done
    monkeypatch.undo()
    done = shell.run("check", "--repair").stdout
    assert "7 messages are in Recovered" in done
    assert boxes(shell)["Recovered"] == 7  # two were the same
    (account,) = shell.json("check", "--salvage")["accounts"]
    assert account["salvaged"] == 0
    shell.run("check", "--account", "nobody", code=Exit.NAME)
