"""`imapd backup` and `imapd restore`: what a script calls and is told."""

from __future__ import annotations

import shutil
from contextlib import closing

import apsw
import pytest

from imapd.cli import backup, restore
from imapd.cli.exits import Exit
from imapd.cli.restore_told import line_of, row_of
from mailstore.index import flagblocks
from mailstore.index.database import Database
from mailstore.maintenance.restore_mail import Plan
from mailstore.model import MailboxId
from tests.imapd.cli.test_mail import Shell, boxes, source


@pytest.fixture
def shell(tmp_path):
    made = Shell(tmp_path)
    made.run("account", "add", "ann", "--password-stdin", text="pw\n")
    made.run("import", str(source(tmp_path)), "--account", "ann")
    return made


def where(shell) -> str:
    return str(shell.folder / "backup")


def test_modules_are_those_of_the_command_line():
    assert set(backup.command.commands) == {"create", "list", "verify", "prune"}
    assert restore.command.name == "command"


def test_a_backup_is_taken_listed_proved_and_pruned(shell):
    first = shell.json("backup", where(shell))
    assert first["whole"]
    assert first["copied_octets"] > 0
    assert first["accounts"][0]["account"] == "ann"
    assert first["copied_messages"] == 8  # two are the same
    text = shell.run("backup", "--keep", "5", where(shell), "--verify").stdout
    assert "copied 0 messages" in text
    assert "9 messages" in text
    assert "no problem" in text
    assert "0 points forgotten" in text
    again = shell.json("backup", "create", where(shell), "--keep-daily", "1")
    assert len(again["pruned"]) == 2
    (point,) = shell.json("backup", "list", where(shell))
    assert point["point"] == again["point"]
    assert "9 messages" in shell.run("backup", "list", where(shell)).stdout
    found = shell.json("backup", "verify", where(shell))
    assert (found["whole"], found["messages"]) == (True, 8)
    found = shell.run("backup", "verify", where(shell), "--point", point["point"])
    assert "1 points, 8 messages" in found.stdout
    done = shell.run("backup", "prune", where(shell), "--keep", "1", "--dry-run")
    assert "0 points forgotten" in done.stdout
    assert shell.json("backup", "prune", where(shell), "--keep", "1")["pruned"] == []


def test_the_configuration_may_stand_before_the_folder(shell):
    shell.run("backup", "--config", str(shell.file), where(shell))
    shell.run("backup", f"--config={shell.file}", "list", where(shell))
    assert "create" in shell.run("backup", "--help").stdout
    assert "--keep-daily" in shell.run("backup", "create", "--help").stdout


def test_damage_is_told_by_message(shell):
    shell.run("backup", where(shell))
    (pack,) = (shell.folder / "backup").rglob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-1])
    found = shell.json("backup", "verify", where(shell), code=Exit.FAILED)
    ((lost,),) = (found["lost"],)
    assert (lost["account"], lost["mailbox"]) == ("ann", "Wörk")
    done = shell.run("backup", "verify", where(shell), code=Exit.FAILED)
    assert 'ann: "W\\u00f6rk"/;UID=1: 00000001.pack' in done.stdout
    wrong = shell.run("backup", "verify", where(shell), "--forget-damaged", code=1)
    assert "problems found" in wrong.stdout


def test_what_could_not_be_copied_is_told(shell):
    (segment,) = (shell.folder / "store").rglob("*.pack")
    segment.write_bytes(segment.read_bytes()[:-1])
    done = shell.run("backup", where(shell), "--keep", "1", code=Exit.FAILED)
    assert "ann: message 9: " in done.stderr
    assert "incomplete" in done.stdout
    assert "incomplete" in shell.run("backup", "list", where(shell)).stdout


def test_what_makes_no_sense_is_refused(shell):
    shell.run("backup", "prune", where(shell), "--keep", "1", code=Exit.NAME)
    shell.run("backup", where(shell))
    shell.run("backup", "prune", where(shell), code=Exit.USAGE)
    shell.run("backup", "list", str(shell.folder / "in"), code=Exit.NAME)
    for options in (
        ("--uid", "3"),
        ("--mailbox", "INBOX"),
        ("--replace",),
        ("--account", "ann", "--shared"),
        ("--account", "ann", "--uid", "3"),
        ("--account", "ann", "--into", "There"),
        ("--account", "ann", "--as", "bob", "--mailbox", "INBOX"),
        ("--account", "ann", "--replace", "--mailbox", "INBOX"),
        ("--account", "ann", "--keep-uidvalidity"),
    ):
        shell.run("restore", where(shell), *options, code=Exit.USAGE)
    for unknown in (
        (),
        ("--account", "bob"),
        ("--account", "ann", "--mailbox", "Nowhere"),
        ("--account", "ann", "--as", "ANN"),
        ("--point", "2001-01-01"),
        ("--shared",),
    ):
        shell.run("restore", where(shell), *unknown, code=Exit.NAME)


def test_a_whole_store_is_restored(shell):
    shell.run("backup", where(shell))
    before = boxes(shell)
    shutil.rmtree(shell.folder / "store")
    done = shell.run("restore", where(shell), "--dry-run")
    assert "1 accounts, 9 messages would be restored" in done.stdout
    assert not (shell.folder / "store").exists()
    done = shell.run("restore", where(shell))
    assert "1 accounts, 9 messages restored" in done.stdout
    assert boxes(shell) == before
    shell.run("check")
    shutil.rmtree(shell.folder / "store")
    found = shell.json("restore", where(shell), "--keep-uidvalidity")
    assert (found["accounts"], found["messages"]) == (["ann"], 9)
    assert found["set_aside"] is None
    (shell.folder / "store" / "directory.db").unlink()
    done = shell.run("restore", where(shell))
    (aside,) = (shell.folder / "store").glob("set-aside-*")
    assert str(aside) in done.stderr


def test_messages_are_restored_into_an_account(shell):
    shell.run("backup", where(shell))
    (mailbox,) = [name for name in boxes(shell) if name.startswith("W")]
    shell.run("mailbox", "delete", mailbox, "--account", "ann")
    options = ("--account", "ann", "--mailbox", mailbox)
    done = shell.run("restore", where(shell), *options, "--dry-run")
    assert done.stdout == '"W\\u00f6rk": 1 messages would be restored (made again)\n'
    (row,) = shell.json("restore", where(shell), *options)["mailboxes"]
    assert (row["restored"], row["made"]) == (1, True)
    done = shell.run("restore", where(shell), *options)
    assert done.stdout == '"W\\u00f6rk": 0 messages restored (1 were there)\n'
    done = shell.run("restore", where(shell), *options, "--into", "Beside")
    assert boxes(shell)["Beside"] == 1
    shell.run("restore", where(shell), "--account", "ann", "--message-id", "a@b")
    found = shell.json(
        "restore", where(shell), "--account", "ann", "--replace", "--yes"
    )
    assert found["removed_mailboxes"] == ["Beside"]
    assert "Beside" not in boxes(shell)
    shell.run("check")


def test_damaged_flags_are_told_and_nobody_else_loses_his(shell):
    (path,) = (shell.folder / "store").rglob("index.db")
    with closing(apsw.Connection(str(path))) as index:
        index.pragma("wal_checkpoint", "TRUNCATE")
        whole = path.read_bytes()
        index.execute("UPDATE flag_block SET octets = x'00' WHERE mailbox = 1")
        index.pragma("wal_checkpoint", "TRUNCATE")
    done = shell.run("backup", where(shell), code=Exit.FAILED)
    assert "ann: damaged: mailbox 1: flags of block 0 cannot be read" in done.stderr
    found = shell.json("backup", where(shell), code=Exit.FAILED)
    assert found["accounts"][0]["damage"]
    found = shell.json("backup", "verify", where(shell), code=Exit.FAILED)
    assert len(found["problems"]) == 1  # of both points
    path.write_bytes(whole)
    options = ("--account", "ann", "--mailbox", "INBOX", "--into", "Beside")
    found = shell.json("restore", where(shell), *options, code=Exit.FAILED)
    (row,) = found["mailboxes"]
    assert row["without_flags"] == row["restored"] > 0
    shell.run("mailbox", "delete", "Beside", "--account", "ann")
    done = shell.run("restore", where(shell), *options, "--dry-run", code=Exit.FAILED)
    assert "without flags, made again)" in done.stdout
    assert "an older point may have them" in done.stderr
    shell.run("mailbox", "create", "Beside", "--account", "ann")
    before = flags_of(path)
    replacing = ("restore", where(shell), "--account", "ann", "--replace", "--yes")
    done = shell.run(*replacing, code=Exit.FAILED)
    assert "flags of 0 messages set back" in done.stdout
    assert "messages keep the flags that they have" in done.stderr
    assert flags_of(path) == before
    shutil.rmtree(shell.folder / "store")
    found = shell.json("restore", where(shell), code=Exit.FAILED)
    assert len(found["unset_flags"]) == 1
    shell.run("check")
    shutil.rmtree(shell.folder / "store")
    done = shell.run("restore", where(shell), code=Exit.FAILED)
    assert "flags of block 0 cannot be read: they have none now" in done.stderr


def flags_of(path):
    with closing(Database.open(path, writer=False)) as database:
        return flagblocks.flags(database, MailboxId(1))


def test_a_replacement_is_asked_for(shell):
    shell.run("backup", where(shell))
    shell.run("mailbox", "create", "New", "--account", "ann")
    options = ("restore", where(shell), "--account", "ann", "--replace")
    done = shell.run(*options, text="n\n", code=1)
    assert "0 messages and 1 mailboxes that are newer" in done.output
    assert "New" in boxes(shell)
    done = shell.run(*options, "--dry-run")
    assert "1 mailboxes would be removed" in done.stdout
    shell.run(*options, text="y\n")
    assert "New" not in boxes(shell)


def test_what_changes_while_the_question_waits_is_left_alone(shell, monkeypatch):
    shell.run("backup", where(shell))
    shell.run("mailbox", "create", "New", "--account", "ann")

    def meanwhile(*_) -> None:
        shell.run("mailbox", "rename", "New", "Newer", "--account", "ann")

    monkeypatch.setattr(restore._Work, "_confirm", meanwhile)
    options = ("restore", where(shell), "--account", "ann", "--replace")
    done = shell.run(*options, code=Exit.FAILED)
    assert "New: changed meanwhile, left alone" in done.stderr
    assert "0 mailboxes removed" in done.stdout
    assert "Newer" in boxes(shell)


def test_nothing_is_removed_when_the_backup_cannot_give_all_back(shell):
    shell.run("backup", where(shell))
    (pack,) = (shell.folder / "backup").rglob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-1])
    (mailbox,) = [name for name in boxes(shell) if name.startswith("W")]
    shell.run("mailbox", "create", "New", "--account", "ann")
    # As somebody moves all of it: it is surplus where it is now.
    shell.run("mailbox", "rename", mailbox, "Moved", "--account", "ann")
    options = ("restore", where(shell), "--account", "ann", "--replace", "--yes")
    done = shell.run(*options, code=Exit.FAILED)
    assert "nothing is removed" in done.stderr
    assert boxes(shell)["Moved"] == 1
    assert "New" in boxes(shell)
    found = shell.json(*options, code=Exit.FAILED)
    assert (found["removed"], found["removed_mailboxes"]) == (0, [])
    assert "Moved" in boxes(shell)


def test_a_removed_account_is_made_again(shell):
    shell.run("backup", where(shell))
    before = boxes(shell)
    shell.run("account", "remove", "ann", "--yes")
    options = ("restore", where(shell), "--account", "ann")
    shell.run(*options, "--mailbox", "INBOX", code=Exit.NAME)
    assert "9 messages would" in shell.run(*options, "--dry-run").stdout
    assert "9 messages restored" in shell.run(*options).stdout
    assert boxes(shell) == before
    shell.run(*options, "--as", "bob")
    assert shell.run("account", "list").stdout.split() == ["ann", "bob"]
    shell.run("check")


def test_damaged_messages_get_their_bytes_again(shell):
    shell.run("backup", where(shell))
    (segment,) = (shell.folder / "store").rglob("*.pack")
    segment.write_bytes(segment.read_bytes()[:-1])
    shell.run("check", code=Exit.FAILED)
    options = ("restore", where(shell), "--damaged")
    shell.run(*options, "--replace", code=Exit.USAGE)
    done = shell.run(*options, "--dry-run", "--account", "ann")
    assert (
        done.stdout == "1 accounts: 1 damaged messages would have their bytes again\n"
    )
    found = shell.json(*options)
    assert (found["mended"], found["lost"]) == ({"ann": 1}, [])
    shell.run("check")
    (old,) = (shell.folder / "backup").rglob("*.pack")
    old.unlink()
    for path in (shell.folder / "store").rglob("*.pack"):
        path.write_bytes(path.read_bytes()[:-1])
    done = shell.run(*options, code=Exit.FAILED)
    assert "ann: message 9: " in done.stderr


def test_nobody_gets_the_mail_of_who_had_the_name_before(shell):
    shell.run("backup", where(shell))
    shell.run("account", "remove", "ann", "--yes")
    shell.run("account", "add", "ann", "--password-stdin", text="pw\n")
    options = ("restore", where(shell), "--account", "ann")
    done = shell.run(*options, code=Exit.NAME)
    assert "was another account then" in done.output
    assert boxes(shell)["INBOX"] == 0
    shell.run(*options, "--from", "ann")
    assert boxes(shell)["INBOX"] > 0
    shell.run("restore", where(shell), "--from", "ann", code=Exit.USAGE)
    shell.run("check")


def test_the_mail_of_another_makes_the_account_that_was_asked_for(shell):
    shell.run("backup", where(shell))
    options = ("restore", where(shell), "--account", "carol", "--from", "ann")
    shell.run(*options, "--mailbox", "INBOX", code=Exit.NAME)
    assert "9 messages restored" in shell.run(*options).stdout
    assert shell.run("account", "list").stdout.split() == ["ann", "carol"]
    shared = ("restore", where(shell), "--shared", "--from", "ann")
    shell.run(*shared, code=Exit.NAME)
    # Ann's password is hers alone.
    listed = {one["name"]: one for one in shell.json("account", "list")}
    assert not listed["carol"]["password"]
    shell.run("check")


def test_a_name_that_cannot_be_had_leaves_nothing_behind(shell):
    shell.run("backup", where(shell))
    shell.run("alias", "add", "carol", "ann")
    before = list((shell.folder / "store" / "accounts").glob("??/*"))
    options = ("restore", where(shell), "--account", "ann", "--as")
    shell.run(*options, "carol", code=Exit.NAME)
    shell.run(*options, "car\nol", code=Exit.FAILED)
    assert list((shell.folder / "store" / "accounts").glob("??/*")) == before


def test_a_point_stays_when_nothing_can_be_forgotten(shell):
    shell.run("backup", where(shell))
    (path,) = (shell.folder / "backup" / "points").iterdir()
    path.write_text("{}")
    done = shell.run("backup", where(shell), "--keep", "1", code=Exit.FAILED)
    assert "nothing was forgotten" in done.stderr
    bad, good = shell.json("backup", "list", where(shell))
    assert (bad["whole"], good["whole"]) == (False, True)
    assert (
        f"{bad['point']}  damaged\n" in shell.run("backup", "list", where(shell)).stdout
    )


def test_rights_that_come_back_are_told(shell):
    shell.run("account", "add", "bob", "--password-stdin", text="pw\n")
    shell.run("acl", "set", "INBOX", "bob", "lr", "--account", "ann")
    shell.run("mailbox", "create", "Work", "--account", "ann")
    shell.run("acl", "set", "Work", "bob", "lr", "--account", "ann")
    shell.run("backup", where(shell))
    shell.run("mailbox", "delete", "Work", "--account", "ann")
    options = ("restore", where(shell), "--account", "ann")
    said = shell.run(*options).stdout
    assert "Work: 0 messages restored (made again, shared with bob lr)" in said
    shell.run("mailbox", "delete", "Work", "--account", "ann")
    again = ("undelete", "restore", "--account", "ann", "--mailbox", "Work")
    both = shell.json(*again)  # the first one and its successor
    assert [one["shared_with"] for one in both] == [{"bob": "lr"}] * 2


def test_who_has_rights_is_told_in_one_line():
    plan = Plan("a\nb", MailboxId(1), "b", make=True)
    row = row_of(plan, None, {"x\x07": "l"})
    assert line_of(row, dry=True) == (
        '"a\\nb": 0 messages would be restored (made again, shared with "x\\u0007" l)'
    )
