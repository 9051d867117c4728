"""The subcommands about people: accounts, app passwords, aliases, domains, groups."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from imapd.cli import main
from imapd.cli.exits import Exit

CONFIG = """\
[store]
path = "store"
[[listen]]
address = "127.0.0.1:0"
tls = "none"
[auth]
bcrypt_cost = 4
scram_iterations = 4096
"""


class Program:
    """``imapd`` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "imapd.toml"
        self.config.write_text(CONFIG)
        (folder / "store").mkdir()

    def __call__(self, *words: str, data: str = "", code: int = 0) -> str:
        done = CliRunner().invoke(
            main, [*words, "--config", str(self.config)], input=data
        )
        assert done.exit_code == code, done.output
        return done.output

    def json(self, *words: str):
        return json.loads(self(*words, "--json"))


@pytest.fixture
def imapd(tmp_path: Path) -> Program:
    made = Program(tmp_path)
    for name in ("ann", "bob"):
        made("account", "add", name, "--password-stdin", data=f"pw of {name}\n")
    return made


def test_nobody_else_can_read_what_a_command_makes(tmp_path: Path):
    imapd = Program(tmp_path)
    subprocess.run(
        [
            *(sys.executable, "-m", "imapd", "account", "add", "carol"),
            *("--no-password", "--config", str(imapd.config)),
        ],
        check=True,
        capture_output=True,
        umask=0o022,
    )
    made = list((tmp_path / "store").rglob("*"))
    assert made
    assert {path.stat().st_mode & 0o077 for path in made} == {0}


def test_accounts_in_all_their_forms(imapd: Program):
    imapd("account", "add", "guest", "--no-password")
    words = ("--admin", "--recoverable", "--password-stdin")
    imapd("account", "add", "root", *words, data="x\n")
    rows = {row["name"]: row for row in imapd.json("account", "list")}
    assert list(rows) == ["ann", "bob", "guest", "root"]
    assert not rows["guest"]["password"]
    assert rows["root"]["admin"]
    assert rows["root"]["recoverable"]
    imapd("account", "change", "root", "--no-admin", "--disable")
    shown = imapd.json("account", "show", "root")
    assert (shown["admin"], shown["disabled"]) == (False, True)
    assert "disabled       True" in imapd("account", "show", "root")
    imapd("account", "change", "root", "--enable")
    imapd("account", "passwd", "root", "--password-stdin", data="y\n")
    assert not imapd.json("account", "show", "root")["recoverable"]


def test_what_makes_no_sense_is_a_usage_error(imapd: Program):
    for words in (
        ("account", "add", "x", "--no-password", "--password-stdin"),
        ("account", "add", "x", "--no-password", "--recoverable"),
        ("account", "change", "ann"),
        ("account", "app-password", "add", "ann", "x", "--protocol", "gopher"),
        ("account", "app-password", "add", "ann", "x", "--expires", "2001-01-01"),
    ):
        imapd(*words, code=2)


def test_app_passwords(imapd: Program):
    command = ("account", "app-password")
    words = ("--protocol", "imap", "--read-only", "--expires", "2999-12-31")
    made = imapd(*command, "add", "ann", "phone", *words).strip()
    assert len(made) == 19
    (row,) = imapd.json(*command, "list", "ann")
    assert row["expires"] == "2999-12-31T00:00:00+00:00"
    assert (row["protocols"], row["readonly"], row["used"]) == (["imap"], True, None)
    listed = imapd(*command, "list", "ann")
    assert "imap, read-only, until 2999-12-31T00:00:00+00:00, unused" in listed
    assert made not in listed
    imapd(*command, "add", "ann", "phone", code=Exit.NAME)
    imapd(*command, "revoke", "ann", "phone")
    imapd(*command, "revoke", "ann", "phone", code=Exit.NAME)
    assert imapd.json(*command, "list", "ann") == []
    for part in ("add", "revoke"):
        imapd(*command, part, "nobody", "x", code=Exit.NAME)
    imapd(*command, "list", "nobody", code=Exit.NAME)


def test_aliases(imapd: Program):
    imapd("alias", "add", "info@example.org", "ann")
    imapd("alias", "add", "info@example.org", "bob")
    assert imapd("alias", "list").splitlines() != []
    assert {row["account"] for row in imapd.json("alias", "list")} == {"ann", "bob"}
    assert imapd.json("account", "show", "ann")["aliases"] == ["info@example.org"]
    imapd("alias", "add", "ann", "bob", code=Exit.NAME)
    imapd("alias", "add", "x", "nobody", code=Exit.NAME)
    imapd("alias", "remove", "info@example.org", "--account", "bob")
    imapd("alias", "remove", "INFO@example.org")
    imapd("alias", "remove", "info@example.org", code=Exit.NAME)


def test_domains(imapd: Program):
    imapd("domain", "add", "example.org")
    imapd("domain", "add", "example.net", "--stands-for", "example.org")
    assert imapd("domain", "list").splitlines() == [
        "example.net -> example.org",
        "example.org",
    ]
    assert imapd.json("domain", "list")[0] == {
        "name": "example.net",
        "stands_for": "example.org",
    }
    imapd("domain", "add", "x", "--stands-for", "nowhere", code=Exit.NAME)
    imapd("domain", "remove", "example.org")
    assert imapd("domain", "list") == ""


def test_groups(imapd: Program):
    imapd("group", "add", "sales")
    imapd("group", "join", "sales", "ann")
    imapd("group", "join", "sales", "bob")
    assert imapd.json("group", "list")[0]["name"] == "sales"
    assert set(imapd("group", "list").split()) == {"sales:", "ann", "bob"}
    imapd("group", "leave", "sales", "bob")
    imapd("group", "leave", "sales", "bob", code=Exit.NAME)
    imapd("group", "join", "none", "bob", code=Exit.NAME)
    assert imapd.json("account", "show", "ann")["groups"] == ["sales"]
    imapd("account", "remove", "ann", "--yes")
    assert imapd("group", "list") == "sales:\n"
    imapd("group", "remove", "sales")
    assert imapd.json("group", "list") == []
