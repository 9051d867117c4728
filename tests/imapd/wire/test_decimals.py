from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire.decimals import decimals


@pytest.mark.parametrize(
    "numbers",
    [
        (),
        (0,),
        range(1, 100),
        range(950, 1_070),
        range(4_294_966_000, 4_294_967_296),
        [*range(100), *range(101, 300, 2), 7_000],
    ],
)
def test_each_number_has_its_text(numbers):
    assert decimals(numbers) == [b"%d" % number for number in numbers]


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), max_size=6))
def test_any_stretches_of_numbers_have_their_texts(stretches):
    numbers = array("I")
    at = 0
    for gap, length in stretches:
        numbers.extend(range(at + gap, at + gap + length))
        at += gap + length
    assert decimals(numbers) == [b"%d" % number for number in numbers]


def test_scattered_numbers_make_no_texts_of_others():
    assert decimals(range(3_000_000_000, 3_001_000_000, 999))[1] == b"3000000999"
