"""APOP: whom a digest lets in (RFC 1939 §7)."""

from __future__ import annotations

import hashlib

import pytest

from imapd.auth.apop import digest
from imapd.session.credentials import Client, DigestAnswer, LoginRefused
from tests.imapd.auth.desk import Desk

STAMP = b"<1896.697170952@dbc.mtview.ca.us>"


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def prove(desk, name, secret):
    made = hashlib.md5(STAMP + secret).hexdigest()
    answer = DigestAnswer(name, made, Client("192.0.2.1"))
    return desk.runtime.run(digest(desk.authenticator._desk, STAMP, answer))


def test_the_example_of_the_rfc():
    made = hashlib.md5(STAMP + b"tanstaaf").hexdigest()
    assert made == "c4c9334bac560ecc979e58001b3e22fb"


def test_only_who_has_a_recoverable_password_gets_in(desk):
    desk.directory.create("rec", b"tanstaaf", recoverable=True)
    desk.directory.create("plain", b"tanstaaf")
    assert prove(desk, "rec", b"tanstaaf").mechanism == "APOP"
    for name, secret in (
        ("rec", b"other"),
        ("plain", b"tanstaaf"),
        ("nobody", b"nobody's"),
    ):
        with pytest.raises(LoginRefused):
            prove(desk, name, secret)


def test_a_password_is_prepared_as_clients_prepare_it(desk):
    """RFC 6856 §2.2: a soft hyphen is nothing, and letters have one form."""
    desk.directory.create("rec", "I\u00adX\u2168".encode(), recoverable=True)
    assert prove(desk, "rec", b"IXIX").mechanism == "APOP"
