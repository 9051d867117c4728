"""The base subject against the procedure of RFC 5256 §2.1."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.mime.subject import base_subject
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.search import sort_reference


@pytest.mark.parametrize(
    ("subject", "base", "reply"),
    [
        ("hello", "hello", False),
        ("", "", False),
        (" \t\r\n ", "", False),
        ("  two \t\r\n words  ", "two words", False),
        # subj-refwd
        ("Re: hello", "hello", True),
        ("RE:hello", "hello", True),
        ("re  : hello", "hello", True),
        ("Fw: hello", "hello", True),
        ("FWD: hello", "hello", True),
        ("Re[2]: hello", "hello", True),
        ("Re [list] : hello", "hello", True),
        ("Re: fwd: RE : hello", "hello", True),
        ("Re hello", "Re hello", False),
        ("Fwdd: hello", "Fwdd: hello", False),
        ("Aw: hello", "Aw: hello", False),
        ("Re[2][3]: hello", "Re[2][3]: hello", False),
        ("Re:", "", True),
        ("re: re: ", "", True),
        # subj-blob
        ("[list] hello", "hello", False),
        ("[a][b] [c] hello", "hello", False),
        ("[list] Re: hello", "hello", True),
        ("Re: [list] hello", "hello", True),
        ("Re: [list] Re: [list] hello", "hello", True),
        ("[list]", "[list]", False),
        ("[a] [b]", "[b]", False),
        ("[]", "[]", False),
        ("[a[b] hello", "[a[b] hello", False),
        ("[open hello", "[open hello", False),
        ("hello [list]", "hello [list]", False),
        ("[a] re", "re", False),
        # subj-trailer
        ("hello (fwd)", "hello", True),
        ("hello (FWD)  (fwd) ", "hello", True),
        ("(fwd)", "", True),
        ("hello(fwd)", "hello", True),
        ("(fwd) hello", "(fwd) hello", False),
        ("[list] (fwd)", "[list]", True),
        # subj-fwd
        ("[fwd: hello]", "hello", True),
        ("[FWD: Re: [list] hello (fwd)] ", "hello", True),
        ("[fwd: [fwd: hello]]", "hello", True),
        ("[fwd:]", "", True),
        ("[fwd: hello", "[fwd: hello", False),
        ("[fwd hello]", "[fwd hello]", False),
        ("[list] [fwd: hello]", "hello", True),
        ("[fwd: a] b]", "b]", False),
        ("Re: [fwd: hello] (fwd)", "hello", True),
        # only ASCII letters make a token
        ("ＲＥ: hello", "ＲＥ: hello", False),
        ("Re：hello", "Re：hello", False),
    ],
)
def test_known_answers(subject, base, reply):
    assert base_subject(subject) == (base, reply)
    assert sort_reference.base_subject(subject) == (base, reply)


pieces = st.sampled_from(
    ["re", "Re:", "fw", "FWD", ":", "[", "]", "[x]", "(fwd)", "[fwd:", " ", "\t", "a"]
)


@settings(deadline=None, max_examples=1_000)
@given(st.lists(pieces, max_size=14).map("".join))
def test_exactly_what_the_procedure_gives(subject):
    assert base_subject(subject) == sort_reference.base_subject(subject)


@given(st.text())
def test_a_base_subject_is_its_own(subject):
    base, _ = base_subject(subject)
    assert base_subject(base) == (base, False)


@pytest.mark.parametrize(
    "piece",
    ["[a]", "re:", "[fwd:", "(fwd)", "[", " ", "[a]re:", "re [a", "re[a]", "[fwd:a]"],
)
def test_hostile_subjects_take_linear_time(piece):
    assert grows_linearly(lambda n: base_subject(piece * n), 4_000)
    assert grows_linearly(lambda n: base_subject(piece * n + "x"), 4_000)
    assert grows_linearly(lambda n: base_subject("[fwd:" * n + piece + "]" * n), 4_000)
