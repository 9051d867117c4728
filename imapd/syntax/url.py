"""IMAP URLs of messages and their parts (RFC 5092 §11).

::

    imessagepart    = imailbox-ref iuid [isection] [ipartial]
    imailbox-ref    = enc-mailbox [";UIDVALIDITY=" nz-number]
    iuid            = "/;UID=" nz-number
    isection        = "/;SECTION=" enc-section
    ipartial        = "/;PARTIAL=" number ["." nz-number]
    iurlauth        = [";EXPIRE=" date-time] ";URLAUTH=" access
                      [":" uauth-mechanism ":" enc-urlauth]

    imap://joe@example.com/INBOX;UIDVALIDITY=785799047/;UID=113330/;SECTION=1.5.9

Words match in any case. A relative URL has no server; one that begins with its UID is
of the selected mailbox. Only their grammar is known here, not what they name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote_to_bytes

from imapd.syntax.mailbox import InvalidMailboxName, canonical_inbox, check_name
from imapd.syntax.section import Section
from imapd.wire.cursor import MAX_NUMBER, Cursor, Malformed

MAX_URL = 4_096
_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# uchar, "&", "=" of achar; bchar has ":", "@" and "/" too.
_ACHAR = rb"[A-Za-z0-9\-._~!$'()*+,%&=]"
_BCHAR = rb"[A-Za-z0-9\-._~!$'()*+,%&=:@/]"
_SERVER = re.compile(
    rb"imap://(?:(?P<user>%b+)?(?:;AUTH=(?:\*|%b+))?@)?"
    rb"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%%]+)(?::(?P<port>[0-9]{1,5}))?/"
    % (_ACHAR, _ACHAR),
    re.IGNORECASE,
)
_MESSAGE = re.compile(
    rb"(?:(?P<mailbox>%b+?)(?:;UIDVALIDITY=(?P<validity>[1-9][0-9]{0,9}))?/?/)?"
    rb";UID=(?P<uid>[1-9][0-9]{0,9})"
    rb"(?:/?/;SECTION=(?P<section>%b+?))?"
    rb"(?:/;PARTIAL=(?P<offset>[0-9]{1,10})(?:\.(?P<count>[1-9][0-9]{0,9}))?)?"
    rb"(?P<auth>(?:;EXPIRE=(?P<expire>[0-9A-Za-z:.+\-]+))?"
    rb";URLAUTH=(?P<access>[A-Za-z0-9]+)(?:\+(?P<whom>%b+))?)?"
    rb"(?::(?P<mechanism>[A-Za-z0-9.\-]+):(?P<token>[0-9A-Fa-f]{32,128}))?"
    % (_BCHAR, _BCHAR, _ACHAR),
    re.IGNORECASE,
)
_ACCESS = {"SUBMIT": True, "USER": True, "AUTHUSER": False, "ANONYMOUS": False}
"""Who may fetch (RFC 4467 §3): whether a user's name follows."""


WHOLE = Section()


class InvalidUrl(ValueError):
    """The text names no message."""


@dataclass(frozen=True, slots=True)
class Authority:
    """``imap://user@host:port``, percent encoding undone."""

    user: str | None
    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class UrlAuth:
    """What authorizes a URL (RFC 4467 §3).

    ``rump`` is the URL up to its access identifier, octet for octet: what was signed.
    """

    rump: bytes
    access: str
    whom: str | None = None
    expire: float | None = None  # seconds since the epoch
    mechanism: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """A message, or octets of one. ``mailbox`` is None for the selected one."""

    uid: int
    mailbox: str | None = None
    uidvalidity: int | None = None
    section: Section = WHOLE
    offset: int = 0
    count: int | None = None
    authority: Authority | None = None
    auth: UrlAuth | None = None


def parse_url(text: bytes) -> MessageUrl:
    """Read a URL of a message or a part. Raises `InvalidUrl`."""
    if len(text) > MAX_URL or _PERCENT.search(text) is not None:
        raise InvalidUrl("the URL is too long, or its percent encoding is wrong")
    server = _SERVER.match(text)
    rest = text[server.end() :] if server is not None else text.removeprefix(b"/")
    found = _MESSAGE.fullmatch(rest)
    if found is None:
        raise InvalidUrl("the URL names no message")
    part = found.groupdict()
    auth = None
    if part["auth"] is not None:
        rump = text[: len(text) - len(rest) + found.end("auth")]
        auth = _auth(part, rump)
    elif part["mechanism"] is not None:
        raise InvalidUrl("the URL has a verifier and nothing to be verified")
    url = MessageUrl(
        uid=_number(part["uid"]),
        mailbox=None if part["mailbox"] is None else _mailbox(part["mailbox"]),
        uidvalidity=None if part["validity"] is None else _number(part["validity"]),
        section=_section(part["section"]),
        offset=_number(part["offset"] or b"0"),
        count=None if part["count"] is None else _number(part["count"]),
        authority=None if server is None else _authority(server),
        auth=auth,
    )
    if url.mailbox is None and url.authority is not None:
        raise InvalidUrl("the URL names no mailbox")
    return url


def _text(octets: bytes) -> str:
    try:
        return unquote_to_bytes(octets).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidUrl("the URL is no UTF-8") from None


def _number(octets: bytes) -> int:
    value = int(octets)
    if value > MAX_NUMBER:
        raise InvalidUrl(f"a number in the URL is above {MAX_NUMBER}")
    return value


def _mailbox(octets: bytes) -> str:
    try:
        return check_name(canonical_inbox(_text(octets)))
    except InvalidMailboxName as error:
        raise InvalidUrl(str(error)) from None


def _section(octets: bytes | None) -> Section:
    if octets is None:
        return Section()
    cursor = Cursor(b"[%b]" % unquote_to_bytes(octets))
    try:
        section = Section.parse(cursor)
        cursor.end()
    except Malformed:
        raise InvalidUrl("the URL names no section") from None
    return section


def _authority(found: re.Match[bytes]) -> Authority:
    user, host, port = found["user"], found["host"], found["port"]
    return Authority(
        None if user is None else _text(user),
        _text(host).lower(),
        None if port is None else int(port),
    )


def _auth(part: dict[str, bytes], rump: bytes) -> UrlAuth:
    access = part["access"].decode("ascii").upper()
    if _ACCESS.get(access) is not (part["whom"] is not None):
        raise InvalidUrl("the URL has no access identifier that is known")
    expire = None
    if part["expire"] is not None:
        expire = _expiry(part["expire"].decode("ascii"))
    mechanism, token = part["mechanism"], part["token"]
    return UrlAuth(
        rump=rump,
        access=access,
        whom=None if part["whom"] is None else _text(part["whom"]),
        expire=expire,
        mechanism=None if mechanism is None else mechanism.decode("ascii").upper(),
        token=None if token is None else token.decode("ascii").lower(),
    )


def _expiry(text: str) -> float:
    """Read a date-time (RFC 3339 §5.6); its zone is never left out."""
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or "T" not in text.upper():
        raise InvalidUrl("the URL expires at no date-time")
    return found.timestamp()


def quote_name(name: str) -> str:
    """Write a mailbox's name, or a user's, as part of a URL."""
    return quote(name, safe="/!$'()*+,&=~")
