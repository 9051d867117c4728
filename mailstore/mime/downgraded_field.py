"""The value of one header field in ASCII (RFC 6858 §2), by what kind of field it is.

Text becomes encoded words (RFC 2047), parameters those of RFC 2231, an address that
has no form in ASCII one that nobody can answer to. Each function takes the value as it
stands, folded, and gives one without the line's end, folded anew. Example::

    "José <josé@example.com>"  ->
        =?utf-8?q?Jos=C3=A9_=3Cjos=C3=A9=40example=2Ecom=3E?=
        <invalid@internationalized-address.invalid>
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Iterator

from mailstore.mime.address import Address, parse_addresses
from mailstore.mime.header import decode_words, media_type, parameters, token, unfold

_FOLD = b"\r\n "
_WIDTH = 76  # RFC 2047 §2: of a line with encoded words
_WORD = 63  # RFC 2047 §2: characters of a word, 75, without those of its frame
_MAX_TEXT = 1 << 16  # octets of one value
_NOBODY = b"invalid@internationalized-address.invalid"  # RFC 6858 §2.1
_SAFE = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/"
)  # RFC 2047 §5 (3)
_ATOM = re.compile(rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+")
_DOT_ATOM = re.compile(rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+")
_TOKEN = re.compile(rb"[!#$&+\-.0-9A-Z^_`a-z{|}~]+")  # RFC 2231 §7 attribute-char
_SPACE = re.compile(r"[\t\n\v\f\r ]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def text_in_ascii(value: bytes) -> bytes:
    """Put unstructured text into encoded words where it isn't ASCII (§2.3)."""
    return _folded(_encoded(_text(value)))


def phrases_in_ascii(value: bytes) -> bytes:
    """The same for a list of phrases with commas between them."""
    phrases = [list(_encoded(phrase)) for phrase in _text(value).split(",")]
    for words in phrases[:-1]:
        words[-1:] = [words[-1] + b","] if words else []
    return _folded([word for words in phrases for word in words])


def addresses_in_ascii(value: bytes) -> bytes:
    """Write a list of addresses; one without a form in ASCII becomes its own name."""
    words: list[bytes] = []
    in_group = False
    for address in parse_addresses(value):
        if address.mailbox is None:  # the end of a group
            words[-1] = words[-1].removesuffix(b",") + b";,"
            in_group = False
        elif address.host is None and not in_group:
            words += _phrase(address.mailbox)
            words[-1] += b":"
            in_group = True
        else:
            words += _address(address)
            words[-1] += b","
    if words:
        words[-1] = words[-1].removesuffix(b",")
    return _folded(words)


def type_in_ascii(value: bytes) -> bytes:
    """Write a Content-Type as it was understood (RFC 2045 §5.2)."""
    known = media_type(value)
    if known is None:
        return b"text/plain"
    return _with_parameters(b"%b/%b" % known, value)


def disposition_in_ascii(value: bytes) -> bytes:
    """Write a Content-Disposition; one of an unknown kind is an attachment."""
    kind = token(value.partition(b";")[0])  # RFC 2183 §2.8
    return _with_parameters(kind or b"attachment", value)


def _with_parameters(kind: bytes, value: bytes) -> bytes:
    """Write parameters, by RFC 2231 where they aren't ASCII.

    RFC 6858 §2.2 would leave those out, and attachments without their names.
    """
    words = [kind]
    for name, text in parameters(value):
        if name.isascii():
            words[-1] += b";"
            words += _parameter(name, text)
    return _folded(words)


def _text(value: bytes) -> str:
    """Decode a value; white space is single, and no control is left."""
    text = decode_words(unfold(value[:_MAX_TEXT]))
    return _CONTROL.sub("", _SPACE.sub(" ", text)).strip()


def _needs_word(word: str) -> bool:
    return not word.isascii() or "=?" in word


def _encoded(text: str) -> Iterator[bytes]:
    """Give text as words in ASCII; neighbours that need encoding are encoded as one."""
    pending: list[str] = []
    for word in text.split(" "):
        if _needs_word(word):
            pending.append(word)
            continue
        yield from _encoded_words(" ".join(pending))
        pending.clear()
        if word:
            yield word.encode("ascii")
    yield from _encoded_words(" ".join(pending))


def _encoded_words(text: str) -> Iterator[bytes]:
    """Give encoded words, none longer than 75 characters (RFC 2047 §2).

    A character is never split (§5), so that each word can be read alone.
    """
    if not text:
        return
    octets = text.encode("utf-8", "replace")
    quoted = 2 * sum([octet not in _SAFE for octet in octets]) < len(octets)
    piece, room = b"", float(_WORD)
    for character in text:
        more = character.encode("utf-8", "replace")
        cost = 4 * len(more) / 3
        if quoted:
            cost = sum([1 if octet in _SAFE else 3 for octet in more])
        if cost > room - 3:  # base64 pads
            yield _word(piece, quoted=quoted)
            piece, room = b"", float(_WORD)
        piece += more
        room -= cost
    yield _word(piece, quoted=quoted)


def _word(octets: bytes, *, quoted: bool) -> bytes:
    if not quoted:
        return b"=?utf-8?b?%b?=" % base64.b64encode(octets)
    text = b"".join(
        b"_" if octet == 0x20 else b"%c" % octet if octet in _SAFE else b"=%02X" % octet
        for octet in octets
    )
    return b"=?utf-8?q?%b?=" % text


def _folded(words: Iterable[bytes]) -> bytes:
    """Join words by spaces, with a new line where one would grow too long.

    The first line has room for a field's name.
    """
    lines = [b""]
    width = _WIDTH // 2
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
            width = _WIDTH
        else:
            lines[-1] += (b" " if lines[-1] else b"") + word
    return _FOLD.join(lines)


def _phrase(name: bytes) -> list[bytes]:
    """Write a display name: as it is, quoted or encoded."""
    text = _text(name)
    if _needs_word(text):
        return list(_encoded_words(text))
    words = text.encode("ascii").split()
    if words and all(_ATOM.fullmatch(word) for word in words):
        return words
    return [_quoted(b" ".join(words))]


def _quoted(text: bytes) -> bytes:
    return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _address(address: Address) -> list[bytes]:
    local, host = address.mailbox or b"", address.host or b""
    domain = _domain(host)
    if local.isascii() and domain is not None:
        plain = local if _DOT_ATOM.fullmatch(local) else _quoted(local)
        spec = plain + b"@" + domain if domain else plain
        if not address.name:
            return [spec]
        return [*_phrase(address.name), b"<%b>" % spec]
    spec = local + (b"@" + host if host else b"")
    shown = b"%b <%b>" % (address.name, spec) if address.name else spec
    return [*_phrase(shown), b"<%b>" % _NOBODY]


def _domain(host: bytes) -> bytes | None:
    """Give a domain by its A-labels (RFC 5890 §2.3.2.1); None: it has none."""
    if host.isascii():
        return host
    try:
        labels = [_label(label) for label in host.decode("utf-8").split(".")]
    except UnicodeError:
        return None
    return None if None in labels else b".".join([label or b"" for label in labels])


def _label(label: str) -> bytes | None:
    """Give one label in ASCII, if it is a U-label or nearly: all else is refused.

    Letters, marks and digits are what RFC 5892 allows; other than the codec of the
    standard library (RFC 3490) nothing is mapped to another name.
    """
    if label.isascii():
        return label.encode("ascii")
    name = unicodedata.normalize("NFC", label.lower())
    if not all(c == "-" or unicodedata.category(c)[0] in "LMN" for c in name):
        return None
    made = b"xn--" + name.encode("punycode")
    return made if len(made) <= 63 else None


def _parameter(name: bytes, text: bytes) -> list[bytes]:
    if text.isascii():
        extended = name.endswith(b"*")  # percent signs are meant as such
        plain = extended or _TOKEN.fullmatch(text)
        return [name + b"=" + (text if plain else _quoted(text))]
    if b"*" in name:
        return []  # a piece or an extended value that breaks RFC 2231 anyway
    value = decode_words(text).encode("utf-8", "replace")
    pieces: list[bytes] = [b"utf-8''"]
    for octet in value:
        one = b"%c" % octet
        one = one if _TOKEN.fullmatch(one) else b"%%%02X" % octet
        if len(pieces[-1]) + len(one) > 50:
            pieces.append(b"")
        pieces[-1] += one
    if len(pieces) == 1:
        return [name + b"*=" + pieces[0]]
    return [
        b"%b*%d*=%b%b" % (name, at, piece, b";" if at + 1 < len(pieces) else b"")
        for at, piece in enumerate(pieces)
    ]
