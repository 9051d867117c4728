"""A number is asked for once a turn, and again when this process has written."""

from itertools import count

import pytest

from mailstore.errors import Unavailable
from mailstore.once import OnceATurn


class Turn:
    number = 0

    def __call__(self) -> int:
        return self.number


def test_it_is_asked_once_a_turn():
    turn, asked = Turn(), count(7)
    look = OnceATurn(lambda: next(asked), turn)
    assert [look(), look()] == [7, 7]
    turn.number = 1
    assert [look(), look()] == [8, 8]
    turn.number = 2  # nobody asked in this one
    turn.number = 1
    assert look() == 8


def test_what_was_written_in_the_turn_is_seen():
    asked = count()
    look = OnceATurn(lambda: next(asked), Turn())
    assert look() == 0
    look.forget()
    assert [look(), look()] == [1, 1]


def test_what_fails_is_asked_again():
    def fail() -> int:
        raise Unavailable

    look = OnceATurn(fail, Turn())
    for _ in range(2):
        with pytest.raises(Unavailable):
            look()
