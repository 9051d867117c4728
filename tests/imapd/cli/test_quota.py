"""``imapd quota``, and importing beyond it."""

from __future__ import annotations

import pytest

from imapd.cli.exits import Exit
from mailstore.index.database import Database
from tests.imapd.cli.test_mail import CONFIG, Shell


@pytest.fixture
def shell(tmp_path):
    made = Shell(tmp_path)
    made.run("account", "add", "ann", "--password-stdin", text="pw\n")
    made.file.write_text(CONFIG + "\n[quota]\nmessages = 2\nstorage = 9\n")
    return made


def lines(shell, *arguments):
    return shell.run("quota", *arguments).stdout.splitlines()


def test_limits_are_set_shown_and_unset(shell):
    assert lines(shell, "list") == [
        "ann: 0K of 9K, 0 of 2 messages, 6 mailboxes (default)"
    ]
    assert lines(shell, "set", "ann", "--storage", "2g", "--messages", "none") == [
        "ann: 2097152K"
    ]
    assert lines(shell, "set", "ann", "--mailboxes", "0") == [
        "ann: 2097152K, 0 mailboxes"
    ]
    part = ("--mailbox", "Archive/2026")
    assert lines(shell, "set", "ann", *part, "--messages", "3") == [
        "ann/Archive/2026: 3 messages"
    ]
    assert lines(shell, "list", "ann") == [
        "ann: 0K of 2097152K, 0 messages, 6 of 0 mailboxes",
        "ann/Archive/2026: 0K, 0 of 3 messages, 0 mailboxes",
    ]
    assert shell.json("quota", "list")[1] == {
        "account": "ann",
        "mailbox": "Archive/2026",
        "default": False,
        "octets": 0,
        "storage_limit": None,
        "messages": 0,
        "message_limit": 3,
        "mailboxes": 0,
        "mailbox_limit": None,
        "annotation_octets": 0,
        "annotation_limit": None,
    }
    limited = lines(shell, "set", "ann", *part, "--annotations", "1M")
    assert limited == ["ann/Archive/2026: 3 messages, 1024K of annotations"]
    (_, part_told) = lines(shell, "list", "ann")
    assert part_told.endswith(", 0K of 1024K of annotations")
    assert shell.json("quota", "list")[1]["annotation_limit"] == 2**20
    assert lines(shell, "unset", "ann", *part) == ["ann/Archive/2026: unset"]
    lines(shell, "unset", "ann")
    (row,) = shell.json("quota", "list")
    assert (row["default"], row["storage_limit"]) == (True, 9216)


def test_what_is_no_limit_is_refused(shell):
    limits: tuple[tuple[str, ...], ...] = (
        (),
        ("--storage", "5"),
        ("--storage", "5X"),
        ("--messages", "-1"),
        ("--mailboxes", "few"),
    )
    for wrong in limits:
        shell.run("quota", "set", "ann", *wrong, code=Exit.USAGE)
    names: tuple[tuple[str, ...], ...] = (
        ("set", "nobody", "--messages", "1"),
        ("set", "ann", "--mailbox", "a//b", "--messages", "1"),
        ("unset", "ann"),
        ("list", "nobody"),
        ("recount", "nobody"),
    )
    for wrong in names:
        shell.run("quota", *wrong, code=Exit.NAME)


def test_wrong_counters_are_mended(shell):
    assert lines(shell, "recount") == ["1 accounts, 0 mended"]
    (path,) = shell.folder.rglob("index.db")
    database = Database.open(path)
    with database.transaction():
        database.execute("UPDATE mailbox SET messages = 5 WHERE name = 'INBOX'")
    database.close()
    shell.run("check", code=Exit.FAILED)
    (row,) = shell.json("quota", "recount", "ann")
    assert row == {"account": "ann", "mended": ["mailbox 1: messages is 5, counted 0"]}
    shell.run("check")


def test_an_import_stops_at_the_quota_or_is_told_to_go_on(shell):
    source = shell.folder / "mail.mbox"
    source.write_bytes(b"".join(b"From a\nSubject: %d\n\nx\n\n" % n for n in range(4)))
    arguments = ("import", str(source), "--account", "ann")
    done = shell.run(*arguments, code=Exit.FAILED)
    assert "more than the quota allows (MESSAGE)" in done.output
    assert shell.json("quota", "list")[0]["messages"] == 2
    assert "imported 2 messages, 2 were there" in (
        shell.run(*arguments, "--over-quota").output
    )
    assert shell.json("quota", "list")[0]["messages"] == 4
