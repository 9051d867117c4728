"""Names and values of annotations."""

from __future__ import annotations

import pytest

from imapd.syntax.metadata_entry import MAX_ENTRY, has_value, parse_entry, render_value
from imapd.wire.cursor import Cursor, Malformed


@pytest.mark.parametrize(
    ("name", "possible"),
    [
        ("/private/comment", True),
        ("/SHARED/a/b/c", True),
        ("/private", False),
        ("/shared/vendor", False),
        ("/shared/Vendor/x", False),
        ("/shared/vendor/x/y", True),
        ("/shared/vendors/x", True),
    ],
)
def test_which_entries_can_have_a_value(name, possible):
    assert parse_entry(Cursor(name.encode())) == name
    assert has_value(name) is possible


@pytest.mark.parametrize(
    "name",
    [b'""', b"/", b"/private//a", b"/private/a/", b'"/private/a\x19"',
     b'"/private/a\t"', b'"/private/%"', b'"/private/*"', b"/other/a",
     b"{9+}\r\n/private\xff"],
)  # fmt: skip
def test_which_names_cannot_be(name):
    with pytest.raises(Malformed):
        parse_entry(Cursor(name))


def test_names_are_bounded():
    name = b"/private/" + b"a" * (MAX_ENTRY - 9)
    assert parse_entry(Cursor(name))
    with pytest.raises(Malformed):
        parse_entry(Cursor(name + b"a"))


def test_values_of_a_response():
    assert render_value(None) == b"NIL"
    assert render_value(b"") == b'""'
    assert render_value(b"a\x00b") == b"~{3}\r\na\x00b"
    assert render_value(b"a\r\nb") == b"{4}\r\na\r\nb"
