"""GENURLAUTH, URLFETCH and LANGUAGE as a strict client reads them.

RFC 4467 §9, RFC 5524 §5, RFC 5255 §3.5.
"""

from __future__ import annotations

from tests.support import responses as r
from tests.support.body_reader import BodyReader


def languages(reader: BodyReader) -> r.Languages:
    """``lang-tag-quoted`` in parentheses (RFC 5255 §3.5)."""
    reader.take(b" (")
    found = [reader.astring().decode("ascii")]
    while reader.accept(b" "):
        found.append(reader.astring().decode("ascii"))
    reader.take(b")")
    return r.Languages(tuple(found))


def signed_urls(reader: BodyReader) -> r.SignedUrls:
    found = []
    while reader.accept(b" "):
        found.append(reader.astring())
    if not found:
        reader.refuse("a URL")
    return r.SignedUrls(tuple(found))


def fetched_urls(reader: BodyReader) -> r.FetchedUrls:
    found = []
    while reader.accept(b" "):
        url = reader.astring()
        if reader.peek(b" ("):
            forms: list[tuple[str, object]] = []
            while reader.accept(b" ("):
                forms.append(_form(reader))
                reader.take(b")")
            found.append((url, tuple(forms)))
        else:
            reader.take(b" ")
            found.append((url, (("", reader.nstring()),)))
    if not found:
        reader.refuse("a URL")
    return r.FetchedUrls(tuple(found))


def _form(reader: BodyReader) -> tuple[str, object]:
    name = reader.atom().upper()
    reader.take(b" ")
    if reader.accept_word(b"NIL"):
        return name, None
    if name == "BODYPARTSTRUCTURE":
        return name, reader.body(extensible=True)
    if name == "BINARY":
        return name, reader.nstring8()
    if name != "BODY":
        reader.refuse("a form that is known")
    return name, reader.nstring()
