"""A secret is seen by nobody who doesn't ask for it by name."""

from __future__ import annotations

import copy
import traceback
from dataclasses import dataclass

from imapd.syntax.secret import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """A node that carries a password."""

    user: str
    password: Secret


def test_it_is_revealed_on_purpose_only():
    secret = Secret(b"hunter2")
    assert secret.reveal() == b"hunter2"
    node = Login("alice", secret)
    for shown in (str(secret), repr(secret), f"{secret}", f"{node}", repr([secret])):
        assert "hunter2" not in shown


def test_a_traceback_with_locals_does_not_show_it():
    secret = Secret(b"hunter2")
    try:
        raise ValueError(secret)
    except ValueError as error:
        lines = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert "hunter2" not in "".join(lines.format())


def test_equal_octets_are_equal_secrets():
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    assert len({Secret(b"a"), Secret(b"a"), Secret(b"b")}) == 2
    assert copy.copy(Secret(b"a")) == Secret(b"a")
