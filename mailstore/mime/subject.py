"""The base subject of a message (RFC 5256 §2.1, ABNF in §5).

::

    subj-refwd      = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
    subj-blob       = "[" *BLOBCHAR "]" *WSP
    subj-leader     = (*subj-blob subj-refwd) / WSP
    subj-trailer    = "(fwd)" / WSP
    subj-fwd        = "[fwd:" subject "]"

It takes decoded text and must not know headers, charsets or collations. Its time is
linear: the text is never copied, and no blob is looked at twice. Example::

    base_subject("Re: [list] Fwd: hello (fwd)") == BaseSubject("hello", True)
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SPACES = re.compile(r"[ \t\r\n]+")
_BLOB = re.compile(r"\[[^\[\]]*+\] *+")
_REFWD = re.compile(r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?:", re.IGNORECASE | re.ASCII)
_FORWARD = "[fwd:"
_TRAILER = "(fwd)"
_BEGIN = " [rRfF"  # of what may be a subj-leader, a blob, or a subj-fwd
_END = " )"  # of what may be a subj-trailer


class BaseSubject(NamedTuple):
    """What is left of a subject, and whether it told of a reply or forward."""

    text: str
    reply: bool  # a subj-refwd, a "(fwd)" or a "[fwd: ]" was removed (§3, REFERENCES)


def base_subject(subject: str) -> BaseSubject:
    """Take the artifacts of replies, forwards and lists off a decoded subject."""
    text = subject
    if "  " in text or not text.isprintable():
        text = _SPACES.sub(" ", text)  # (1)
    if text and text[0] not in _BEGIN and text[-1] not in _END:
        return BaseSubject(text, False)
    start, end, reply = 0, len(text), False
    while True:
        end, forwarded = _without_trailers(text, start, end)  # (2)
        start, answered = _without_leaders(text, start, end)  # (3), (4), (5)
        reply = reply or forwarded or answered
        if not (
            end - start >= len(_FORWARD) + 1
            and text[end - 1] == "]"
            and text[start : start + len(_FORWARD)].lower() == _FORWARD
        ):
            return BaseSubject(text[start:end], reply)  # (7)
        start, end, reply = start + len(_FORWARD), end - 1, True  # (6)


def _without_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Give where the text ends without subj-trailers, and if one was a "(fwd)"."""
    forwarded = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif (
            end - start >= len(_TRAILER)
            and text[end - len(_TRAILER) : end].lower() == _TRAILER
        ):
            end -= len(_TRAILER)
            forwarded = True
        else:
            break
    return end, forwarded


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Give where the text begins without subj-leaders and blobs; if it is a reply.

    A run of blobs is read once: when no subj-refwd follows, nothing that is left of
    the run can begin a subj-leader, so that step (4) takes blob after blob.
    """
    reply = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        at = last = start
        while (blob := _BLOB.match(text, at, end)) is not None:
            last, at = at, blob.end()
        found = _REFWD.match(text, at, end)
        if found is None:
            # (4): the last blob stays where nothing else is left.
            return (at if at < end else last), reply
        start, reply = found.end(), True
