"""`imapd undelete`: what an administrator lists and restores."""

from __future__ import annotations

import pytest

from imapd.cli.exits import Exit
from tests.imapd.cli.test_mail import CONFIG, Shell, boxes
from tests.support.session import World


@pytest.fixture
def shell(tmp_path):
    made = Shell(tmp_path)
    # The clock of the sessions stands still, years ago.
    made.file.write_text(CONFIG.replace("[auth]", "retention_days = 3650\n[auth]"))
    world = World(tmp_path / "store", "ann")
    world.deliver(
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: b@example.org\r\n\r\nhi\r\n",
        b"Subject: a\x1b[2J\r\n\r\nx\r\n",
        b"c",
    )
    session = world.session("ann", b"INBOX")
    session.ok(b'ID ("name" "Mutt" "version" "2")')
    session.ok(b"STORE 1:2 +FLAGS.SILENT (\\Deleted \\Seen key)")
    session.ok(b"EXPUNGE")
    session.ok(b"CREATE Work")
    session.ok(b"DELETE Work")
    world.close()
    return made


def undelete(shell, *arguments, code=Exit.OK):
    return shell.json("undelete", *arguments, "--account", "ann", code=code)


def test_what_was_removed_is_listed_with_who_did_it(shell):
    found = undelete(shell, "list", "--since", "2023-11-14")
    assert [one["mailbox"] for one in found["mailboxes"]] == ["Work"]
    one, two = found["messages"]
    assert (one["mailbox"], one["uid"], one["how"]) == ("INBOX", 1, "expunged")
    assert (one["subject"], one["from"]) == ("Grüße", "b@example.org")
    (session,) = undelete(shell, "sessions")
    assert (session["messages"], session["mailboxes"]) == (2, 1)
    assert (session["user"], session["address"]) == ("ann", "192.0.2.1")
    assert session["client"] == "Mutt 2"
    assert {one["session"], two["session"]} == {session["session"]}
    text = shell.run("undelete", "list", "--account", "ann").stdout
    assert "mailbox Work was deleted" in text
    assert "INBOX/;UID=1  expunged" in text
    assert "\x1b" not in text
    text = shell.run("undelete", "sessions", "--account", "ann").stdout
    assert "2 messages, 1 mailboxes" in text


def test_a_session_is_undone(shell):
    (session,) = undelete(shell, "sessions")
    done = undelete(shell, "restore", "--session", session["session"])
    assert [(one["mailbox"], one["made"], one["messages"]) for one in done] == [
        ("INBOX", False, 2),
        ("Work", True, 0),
    ]
    assert boxes(shell)["INBOX"] == 3
    assert undelete(shell, "sessions") == []
    shell.run("check")


def test_some_messages_are_restored(shell):
    where = ("--mailbox", "inbox")
    done = undelete(shell, "restore", *where, "--uid", "2,7:*")
    assert [one["uids"] for one in done] == [[{"was": 2, "is": 4}]]
    text = shell.run("undelete", "restore", "--account", "ann", *where).stdout
    assert text == "INBOX: 1 messages restored\n"
    text = shell.run("undelete", "restore", "--account", "ann", *where).stdout
    assert text == "nothing to restore\n"
    # Turned round, as SEARCH takes it (RFC 3501 §9).
    assert undelete(shell, "list", *where, "--uid", "9:1")["messages"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore",),
        ("restore", "--uid", "1"),
        ("restore", "--mailbox", "INBOX", "--uid", "1;2"),
        ("list", "--since", "yesterday"),
    ],
)
def test_what_makes_no_sense_is_refused(shell, arguments):
    shell.run("undelete", *arguments, "--account", "ann", code=Exit.USAGE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", "--mailbox", "nowhere"),
        ("restore", "--session", "ffff-1"),
        ("list", "--session", "77"),
        ("list", "--mailbox", "a//b"),
    ],
)
def test_what_is_not_there_is_told(shell, arguments):
    shell.run("undelete", *arguments, "--account", "ann", code=Exit.NAME)


def test_moments_of_the_command_line(shell):
    everything = undelete(shell, "list", "--until", "1d")["messages"]
    assert len(everything) == 2
    assert undelete(shell, "list", "--since", "3h")["messages"] == []
    when = everything[0]["removed"]
    assert len(undelete(shell, "list", "--since", when)["messages"]) == 2
    assert undelete(shell, "list", "--until", when)["messages"] == []
