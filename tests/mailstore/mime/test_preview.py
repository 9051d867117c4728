"""The first words of messages (RFC 8970 §3)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime import preview as module
from mailstore.mime.preview import LENGTH, preview
from mailstore.mime.scanner import scan
from tests.mailstore.mime import strategies


def of(data: bytes) -> str:
    return preview(data, scan(data))


def mail(content_type: str, body: bytes, *fields: str) -> bytes:
    head = "\r\n".join([f"Content-Type: {content_type}", *fields])
    return head.encode() + b"\r\n\r\n" + body


def parts(subtype: str, *contents: bytes) -> bytes:
    body = b"".join([b"--b\r\n" + content + b"\r\n" for content in contents])
    return mail(f"multipart/{subtype}; boundary=b", body + b"--b--\r\n")


SIGNATURE = mail("application/pgp-signature", b"x")
VERSION = mail("application/pgp-encrypted", b"Version: 1")
PLAIN = mail("text/plain", b"the plain words")
HTML = mail("text/html", b"<p>the <b>HTML</b> words</p>")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Subject: x\r\n\r\nHello,\r\n\r\nhow are\tyou?\r\n", "Hello, how are you?"),
        (b"Subject: x\r\n\r\n", ""),
        (b"", ""),
        # Quotations are for those who have nothing else to say.
        (b"\r\nHe wrote:\r\n> no\r\n >> no\r\nYes\r\n", "He wrote: Yes"),
        (b"\r\n> only this\r\n", "> only this"),
        (PLAIN, "the plain words"),
        (HTML, "the HTML words"),
        (parts("alternative", HTML, PLAIN), "the plain words"),
        (parts("alternative", mail("text/plain", b" \r\n"), HTML), "the HTML words"),
        (parts("mixed", parts("related", HTML)), "the HTML words"),
        (parts("mixed", mail("image/png", b"x"), PLAIN), "the plain words"),
        (parts("signed", PLAIN, SIGNATURE), "the plain words"),
        (
            parts(
                "mixed",
                mail("text/plain", b"a file", "Content-Disposition: attachment"),
                PLAIN,
            ),
            "the plain words",
        ),
        (parts("mixed", mail("message/rfc822", PLAIN)), ""),
        (mail("image/png", b"x"), ""),
        # Encrypted: none at all, whatever stands beside it.
        (parts("encrypted", VERSION, PLAIN), ""),
        (mail("application/pkcs7-mime; smime-type=enveloped-data", b"x"), ""),
        (b"\r\n-----BEGIN PGP MESSAGE-----\r\nabc\r\n", ""),
        (
            mail(
                "text/html",
                b"<head><title>Again the subject</title><style>p {}</style></head>"
                b"<p>Words &amp; more</p><script>x</script>",
            ),
            "Words & more",
        ),
        # What newsletters hide behind their first line.
        (
            mail(
                "text/html; charset=utf-8",
                "Sale!&zwnj;&nbsp;\u200c\u00a0\u034f \u00ad\ufeffnow".encode(),
            ),
            "Sale! now",
        ),
        (
            mail(
                "text/plain; charset=iso-8859-1",
                base64.b64encode("Grüße".encode("latin-1")),
                "Content-Transfer-Encoding: base64",
            ),
            "Grüße",
        ),
        (mail("text/plain", b"nul\x00 and \x1b[31mred"), "nul and [31mred"),
    ],
)  # fmt: skip
def test_what_is_shown(data: bytes, text: str):
    assert of(data) == text


def test_a_long_text_is_cut():
    text = of(b"\r\n" + b"word " * 100_000)
    assert len(text) <= LENGTH
    assert text.startswith("word word")
    assert text.endswith("word")


def test_words_behind_long_styles_are_found():
    style = b"<style>" + b"p { color: red }\r\n" * 5_000 + b"</style>"
    assert of(mail("text/html", style + b"<p>Found</p>")) == "Found"


def test_no_more_than_the_beginning_is_looked_at():
    style = b"<!-- " + b"x" * 300_000 + b" -->"
    assert of(mail("text/html", style + b"<p>too late</p>")) == ""


def test_many_empty_parts_end():
    many = [mail("text/plain", b" ")] * 2_000
    assert of(parts("mixed", *many, PLAIN)) == ""


@given(strategies.messages())
def test_whatever_the_message_it_is_one_short_line(data: bytes):
    text = of(data)
    assert len(text) <= LENGTH
    assert text == " ".join(text.split())
    assert text.isprintable() or not any(ord(c) < 32 for c in text)
    text.encode("utf-8")


def test_of_ascii_only_controls_are_unseen():
    unseen = [code for code in range(128) if module._UNSEEN.match(chr(code))]
    assert bytes(unseen) == module._CONTROLS


LINES = (
    "> quoted text",
    "",
    "words of a person, and more of them",
    "\u00e4" * 40,
    "x" * 997,
    "-----BEGIN PGP MESSAGE-----",
    " \u200b\u200b ",
    "a\x07 > b \x1f\x0b c",
    "=20=C3=A4=",
    "q " * 60,
)


@given(
    st.lists(st.sampled_from(LINES), min_size=30, max_size=90),
    st.sampled_from([b"7bit", b"quoted-printable", b"base64"]),
    st.sampled_from([b"utf-8", b"iso-8859-1", b"utf-7", b"utf-16", b"iso-2022-jp"]),
    st.sampled_from([b"plain", b"html"]),
)
def test_a_glance_at_the_beginning_shows_what_a_look_does(
    some, encoding, charset, kind
):
    text = "\r\n".join(some).encode(charset.decode(), "replace")
    if encoding == b"base64":
        text = base64.encodebytes(text)
    head = b"Content-Type: text/%b; charset=%b\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    data = head % (kind, charset, encoding) + text
    root = scan(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailstore.mime.preview._GLANCE", 2**30)
        patch.setattr("mailstore.mime.preview._LOOKS", ())
        patch.setattr("mailstore.mime.preview._OF_ASCII", ())
        wanted = preview(data, root)
    assert preview(data, root) == wanted
