"""METADATA responses."""

from __future__ import annotations

from imapd.session.metadata_responses import changed_response, metadata_response
from tests.support.response_parser import parse_response
from tests.support.responses import Metadata


def test_values_and_changes():
    values = {"/private/a": None, "/shared/b c": b"\x00", "/shared/d": b'"'}
    line = metadata_response("x y", values.items())
    assert parse_response(b"* " + line + b"\r\n") == Metadata("x y", values)
    line = changed_response("", ["/private/a", "/shared/b c"])
    assert parse_response(b"* " + line + b"\r\n") == Metadata(
        "", changed=("/private/a", "/shared/b c")
    )
