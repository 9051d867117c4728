"""Folders that are missing, or nobody's: they are noticed, and put right if it is safe.

What is put right is what the directory knows for certain.
"""

from __future__ import annotations

import imaplib
import shutil
import smtplib

import pytest

import imapd.testing
from imapd.config import Listen
from mailstore.errors import Unavailable
from mailstore.index import presence
from mailstore.maintenance.check import check_directory
from mailstore.maintenance.directory_healing import heal_directory
from mailstore.maintenance.presence import account_folders
from tests.mailstore.service.test_access import Two


@pytest.fixture
def home(tmp_path):
    made = Two(tmp_path)
    made.bob()
    made.store.directory.create("carol", b"x")  # has never logged in
    yield made
    made.store.close()


def test_nobody_gets_an_empty_account_in_place_of_his_own(home):
    """The volume is not mounted: what came into an empty account would be under it."""
    path = home.store.path
    home.store.close()
    shutil.move(path / "accounts", path / "away")
    with pytest.raises(Unavailable):
        Two(path)
    assert not list(account_folders(path))
    told = check_directory(path)
    assert [text.split(":")[0] for text in told] == [
        "the folder of the account ann is missing",
        "the folder of the account bob is missing",
    ]
    # Not even by a repair: all are missing.
    assert heal_directory(path) == []
    shutil.rmtree(path / "accounts", ignore_errors=True)
    shutil.move(path / "away", path / "accounts")
    home.__init__(path)
    assert check_directory(path) == []


@pytest.mark.net
def test_logins_and_mail_are_put_off_until_it_is_there(tmp_path):
    path = tmp_path / "store"
    also = (Listen(address=("127.0.0.1", 0), protocol="lmtp", tls="none"),)
    with imapd.testing.server(folder=tmp_path) as server:
        assert login(server)[0] == "OK"
    shutil.move(path / "accounts", path / "away")
    with imapd.testing.server(folder=tmp_path, also=also) as server:
        kind, text = login(server)
        assert (kind, text) == ("NO", "[UNAVAILABLE] the account's mail is missing")
        port = server.also[0].bound[1]
        with (
            smtplib.LMTP(server.host, port) as mta,
            pytest.raises(smtplib.SMTPRecipientsRefused) as refused,
        ):
            mta.sendmail("ann@example.org", [server.user], "Subject: x\r\n\r\nx\r\n")
        ((code, _),) = refused.value.recipients.values()
        assert code == 451
        assert not (path / "accounts").exists()
        shutil.move(path / "away", path / "accounts")
        assert login(server)[0] == "OK"


def login(server) -> tuple[str, str]:
    with imaplib.IMAP4(server.host, server.port, timeout=20) as client:
        try:
            return client.login(server.user, server.password)[0], ""
        except imaplib.IMAP4.error as error:
            return "NO", error.args[0].decode()


def test_an_account_whose_index_is_missing_is_not_entered(home):
    path = home.store.path
    home.store.close()
    (path / "accounts" / home.id[:2] / home.id / "index.db").unlink()
    with pytest.raises(Unavailable):
        Two(path)
    shutil.rmtree(path / "accounts" / home.id[:2] / home.id)
    (told,) = heal_directory(path)
    assert told == "the account ann begins anew: its folder was missing"
    home.__init__(path)
    assert home.names()[0] == "INBOX"


def test_a_removal_that_a_crash_has_cut_short_is_finished(home):
    path, id_ = home.store.path, home.store.directory.remove("bob")
    (told,) = check_directory(path)
    assert told == f"the account {id_} was removed, and its folder is still there"
    assert heal_directory(path) == [f"{told}: it was removed"]
    assert check_directory(path) == []
    assert [folder.name for folder in account_folders(path)] == [home.id]
    assert heal_directory(path) == []


def test_what_was_removed_is_forgotten_once_it_is_gone(home):
    directory = home.store.directory
    id_ = directory.remove("bob")
    assert presence.removed(directory._database.reader) == {id_}
    home.run(home.store.remove_account(id_))
    assert presence.removed(directory._database.reader) == set()
    assert check_directory(home.store.path) == []


def test_a_folder_that_an_older_directory_does_not_know_is_left_alone(home, tmp_path):
    path = home.store.path
    home.store.close()
    stranger = path / "accounts" / "ab" / ("ab" + "1" * 30)
    shutil.copytree(path / "accounts" / home.id[:2] / home.id, stranger)
    (told,) = check_directory(path)
    assert "does not know the account of the folder ab1" in told
    assert heal_directory(path) == []
    assert stranger.exists()
    shutil.rmtree(stranger)
    home.__init__(path)
