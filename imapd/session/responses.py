"""The untagged responses that more than one command gives.

Only bytes are made here; who sends them, and when, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from imapd.session.languages import DEFAULT, TRANSLATED, translated
from imapd.wire.encode import render_ranges
from mailstore.model import FIRST_KEYWORD_BIT, SYSTEM_FLAGS

_SYSTEM = tuple(SYSTEM_FLAGS.items())
_RANGES_A_LINE = 1_000
_SHORT = 200  # letters of a text or a code that may be kept
_USUAL_FLAGS = 16  # of one message
_USUAL_KEYWORDS = 64  # of one mailbox
_PRINTABLE = {ord(c): None for c in map(chr, (*range(32), 127))}


def response_text(text: str, code: str | None = None, language: str = DEFAULT) -> bytes:
    """Render resp-text (RFC 3501 §9): always at least one character of text.

    Control characters are left out, and others than those of ASCII replaced, so that
    nothing a client or a message brought in can forge a line. In another language it
    is UTF-8 (RFC 5255 §3.5).
    """
    clean = (_clean if len(text) <= _SHORT else _clean.__wrapped__)(text, language)
    if code is not None:
        return b"[%b] %b" % (_printable(code), clean)
    if clean.startswith(b"["):  # would be read as a response code
        clean = b"." + clean
    return clean


@lru_cache(maxsize=1_024)
def _clean(text: str, language: str) -> bytes:
    if language in TRANSLATED:
        told = translated(text, language).translate(_PRINTABLE)
        return told.encode("utf-8", "replace") or b"."
    return _printable(text) or b"."


def _printable(text: str) -> bytes:
    if text.isascii() and text.isprintable():  # as nearly all is
        return text.encode("ascii")
    return text.translate(_PRINTABLE).encode("ascii", "replace")


def may_be_kept(text: str, code: str | None) -> bool:
    """Tell whether a response may be remembered: clients can bring in long ones."""
    return len(text) <= _SHORT and (code is None or len(code) <= _SHORT)


def status(
    kind: bytes, text: str, code: str | None = None, language: str = DEFAULT
) -> bytes:
    """Render an untagged OK, NO, BAD, BYE or PREAUTH without ``* `` (§7.1)."""
    if len(text) <= _SHORT and (code is None or len(code) <= _SHORT):
        return _repeated(kind, text, code, language)
    return _status(kind, text, code, language)


def _status(kind: bytes, text: str, code: str | None, language: str) -> bytes:
    return b"%b %b" % (kind, response_text(text, code, language))


# Whoever goes to and fro between mailboxes is told the same of them.
_repeated = lru_cache(maxsize=1_024)(_status)


def flag_list(mask: int, keywords: tuple[str, ...], *, recent: bool = False) -> bytes:
    """Render the flags of a mask, with parentheses (RFC 3501 §7.2.6).

    ``keywords`` are the mailbox's, in bit order.
    """
    # Whoever fills mailboxes with keywords must not fill the memory of all.
    usual = len(keywords) <= _USUAL_KEYWORDS and mask.bit_count() <= _USUAL_FLAGS
    return (_flag_lists if usual else _flag_list)(mask, keywords, recent)


def _flag_list(mask: int, keywords: tuple[str, ...], recent: bool) -> bytes:
    names = [name for name, bit in _SYSTEM if mask & bit]
    if recent:
        names.append("\\Recent")
    rest = mask >> FIRST_KEYWORD_BIT
    bit = 0
    while rest:
        if rest & 1 and bit < len(keywords):
            names.append(keywords[bit])
        rest >>= 1
        bit += 1
    return b"(%b)" % " ".join(names).encode("ascii")


_flag_lists = lru_cache(maxsize=2_048)(_flag_list)


def flag_names(names: Iterable[str]) -> bytes:
    """Render a parenthesized list of flag names."""
    return b"(%b)" % " ".join(names).encode("ascii")


def expunges(numbers_descending: Sequence[int]) -> bytes:
    """Render EXPUNGE responses (§7.4.1), highest number first.

    From the highest down, no earlier line shifts a later one.
    """
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers_descending])


def vanished(ranges: Sequence[tuple[int, int]], *, earlier: bool = False) -> bytes:
    """Render VANISHED responses for UIDs in closed ranges (RFC 7162 §3.2.10).

    ``earlier``: what vanished before the client knew of the mailbox's present
    state; it moves no numbers. A line stays short enough for a client's buffer.
    """
    name = b"* VANISHED (EARLIER) " if earlier else b"* VANISHED "
    return b"".join(
        [
            name + render_ranges(ranges[at : at + _RANGES_A_LINE]) + b"\r\n"
            for at in range(0, len(ranges), _RANGES_A_LINE)
        ]
    )
