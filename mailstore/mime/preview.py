"""The first words of a message, as a listing shows them (RFC 8970).

What a person wrote: of the first text that is no attachment, without markup and
quotations, in one line. Work is bounded, whatever the message: only the beginning
of a text is looked at. An encrypted message has no preview. Example::

    data = b"\\r\\nHello\\r\\n> hi\\r\\nWorld"
    preview(data, scan(data)) == "Hello World"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from mailstore.mime.charset import Decoder, decoder
from mailstore.mime.header import Buffer, parameter
from mailstore.mime.html import HtmlText
from mailstore.mime.scanner import Part
from mailstore.mime.transfer import decoded

LENGTH = 200  # characters (RFC 8970 §3.3)
# Octets of a text that are looked at: mostly the first are enough, but the styles of
# newsletters come before their words, and quotations before answers.
_GLANCE, _FIRST, _MOST = 2_048, 16_384, 262_144
_CUT = 16  # characters, more than are unlike the text where it was cut off
_LOOKS = (320, 1_280)  # characters, of which mostly enough are left
_CONTROLS = bytes([*range(9), *range(14, 32), 127])
_PARTS = 100
_TEXTS = 5
_TITLE = re.compile(r"<title\b[^<>]*+>[^<]*+</title\s*+>", re.IGNORECASE)
_QUOTED = re.compile(r"^[ \t]*+>.*+$", re.MULTILINE)
# Controls, and what newsletters fill their first line with so that no more is seen:
# soft hyphens, joiners, marks of direction, the byte order mark, fillers.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\ud800-\udfff]"
)
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_ENCRYPTED = frozenset({b"pkcs7-mime", b"x-pkcs7-mime", b"pgp-encrypted"})
_OF_ASCII = frozenset(
    {None, b"us-ascii", b"utf-8", b"iso-8859-1", b"iso-8859-15", b"windows-1252"}
)
"""Charsets, the most frequent ones, in which ASCII is ASCII."""


def preview(data: Buffer, root: Part) -> str:
    """Give at most `LENGTH` characters; none where nothing can be read."""
    for part in islice(_texts(root), _TEXTS):
        text = ""
        if part.size > 2 * _GLANCE and part.subtype == b"plain":
            text = _beginning(data, part, _GLANCE, quoted=False)
        if len(text) < LENGTH + _CUT:
            text = _beginning(data, part, _FIRST)
        if len(text) < LENGTH and part.size > _FIRST:
            text = _beginning(data, part, _MOST)
        if text.startswith(_ARMOUR):
            return ""
        if text:
            return text[:LENGTH].rstrip()
    return ""


def _texts(root: Part) -> Iterator[Part]:
    """Give the texts that may stand for the message, the best first."""
    todo, left = [root], _PARTS
    while todo and left:
        part = todo.pop()
        left -= 1
        if part.is_multipart:
            if part.subtype == b"encrypted":
                return
            children: Sequence[Part] = part.children[:_PARTS]
            if part.subtype == b"alternative":
                # Plain text needs no guesses.
                children = sorted(children, key=lambda child: child.subtype != b"plain")
            todo.extend(reversed(children))
        elif part.type == b"application" and part.subtype in _ENCRYPTED:
            return
        elif _is_read(part):
            yield part


def _is_read(part: Part) -> bool:
    if part.type != b"text" or part.subtype not in (b"plain", b"html"):
        return False
    return part.disposition is None or part.disposition[0].lower() != b"attachment"


def _beginning(data: Buffer, part: Part, window: int, *, quoted: bool = True) -> str:
    """Give what stands there; what is quoted, if ``quoted``, where nothing else is."""
    end = min(part.body + window, part.end)
    text = _decoded(data, part, end)
    if part.subtype == b"html":
        return _one_line(HtmlText().feed(_TITLE.sub("", text), final=end == part.end))
    own = _one_line(text, own=True)
    return own or (_one_line(text) if quoted else "")


def _decoded(data: Buffer, part: Part, end: int) -> str:
    charset = parameter(part.params, b"charset")
    pieces = decoded(data, part.body, end, part.encoding)
    source: Decoder | None = None
    text = []
    for octets in pieces:
        if source is None:
            if octets.isascii() and (charset and charset.lower()) in _OF_ASCII:
                text.append(octets.decode("ascii"))
                continue
            source = decoder(charset.decode("latin-1") if charset else None)
        text.append(source.decode(octets))
    return "".join(text)


def _one_line(text: str, *, own: bool = False) -> str:
    """Give a text in one line, without what is quoted if only what is ``own`` counts.

    No more of it than a preview needs: it begins as the line of the whole would.
    """
    for length in _LOOKS:
        if len(text) > length:
            line = _seen(text[:length], own=own)
            if len(line) >= LENGTH + _CUT:
                return line
    return _seen(text, own=own)


def _seen(text: str, *, own: bool) -> str:
    if own and ">" in text:
        text = _QUOTED.sub("", text)
    if text.isascii():
        text = text.encode().translate(None, _CONTROLS).decode()
    else:
        text = _UNSEEN.sub("", text)
    return " ".join(text.split())
