"""Mailbox access keys: made once, of a mailbox and not of its name, kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstore.errors import NotFound
from mailstore.index import urlkeys
from mailstore.service.urlkeys import UrlKeys
from tests.mailstore.stores import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def test_a_key_is_made_once_and_kept(home, tmp_path):
    keys = home.account.url_keys
    assert isinstance(keys, UrlKeys)
    assert home.run(keys.key("INBOX")) is None
    key = home.run(keys.make("INBOX"))
    assert len(key) == 32
    assert home.run(keys.make("INBOX")) == key
    assert home.run(keys.make("Sent")) != key
    home.close()
    again = Home(tmp_path)
    assert home.account is not again.account
    assert again.run(again.account.url_keys.key("INBOX")) == key
    again.close()


def test_it_goes_with_its_mailbox_and_stays_with_a_new_name(home):
    keys = home.account.url_keys
    home.run(home.account.create("box"))
    key = home.run(keys.make("box"))
    home.run(home.account.rename("box", "new"))
    assert home.run(keys.key("new")) == key
    home.run(home.account.delete("new"))
    home.run(home.account.create("new"))
    assert home.run(keys.key("new")) is None
    assert home.account.readers.event.all("SELECT * FROM url_key", ()) == []


def test_another_key_and_none(home):
    keys = home.account.url_keys
    first, sent = home.run(keys.make("INBOX")), home.run(keys.make("Sent"))
    home.run(keys.reset("INBOX"))
    assert home.run(keys.key("INBOX")) not in (None, first)
    assert home.run(keys.key("Sent")) == sent
    home.run(keys.reset())
    assert home.run(keys.key("INBOX")) is None
    assert home.run(keys.key("Sent")) is None


def test_what_has_no_mailbox_has_no_key(home):
    keys = home.account.url_keys
    for call in (keys.key, keys.make, keys.reset):
        with pytest.raises(NotFound):
            home.run(call("nowhere"))
    assert urlkeys.key_of(home.account.readers.event, "INBOX") is None
