"""Bytes from a server to values, strictly: what the ABNF doesn't allow is refused.

Two steps that need no socket: `ResponseParser` cuts what arrives into whole responses
(lines with their literals), `parse_response` turns one into a value of
`tests.support.responses`. Fields nobody sends yet are added to the tables
``UNTAGGED``, ``FETCH_ITEMS`` and ``CODES``.

Grammar: RFC 3501 §9 `response`, RFC 2342 §7, RFC 2971 §4, RFC 4315 §4, RFC 5161 §4,
RFC 5530 §4. One step beyond it: what says two different things at once (an item or a
flag twice, two groups inside each other) is refused too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support import annotation_reader, gmail_reader, mailbox_data, url_reader
from tests.support import responses as r
from tests.support.body_reader import BodyReader
from tests.support.esearch_reader import esearch, in_progress, uid_batches
from tests.support.modseq_reader import message_modseq, modseq, vanished
from tests.support.reader import BASE64, Malformed
from tests.support.thread_reader import comparator, sort_result, thread_lists

_LITERAL = re.compile(rb"~?\{([0-9]{1,10})\}\Z")
_STATUS = re.compile(rb"([^\s()]+) (OK|NO|BAD|PREAUTH|BYE)(?: |\Z)", re.IGNORECASE)
_OPEN_CODE = re.compile(rb"[^ ]+ [^ ]+ \[[^\]]*\Z")
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')
_CODE = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\\]]+)(?: |(?=\]))')
_CODE_TEXT = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x5c\x5e-\x7f]+(?=\])")


class ResponseParser:
    """Cuts a stream into responses. `feed` bytes in pieces of any size; ask `next`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._line = 0  # where the line that is being read begins
        self._scan = 0  # no CRLF before here
        self.utf8 = False  # the client has enabled it
        self.localized = False  # it has chosen a language (RFC 5255 §3.5)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def next(self) -> r.Response | None:
        """Give the next whole response, or None. Raises `Malformed`."""
        raw = self.next_raw()
        return None if raw is None else self.parse(raw)

    def parse(self, raw: bytes) -> r.Response:
        """Parse a response of this stream. Raises `Malformed`."""
        found = parse_response(raw, utf8=self.utf8, texts=self.localized)
        if isinstance(found, r.Languages) and len(found.tags) == 1:
            self.localized = found.tags[0] != "i-default"
        if isinstance(found, r.Enabled):
            names = {name.upper() for name in found.names}
            self.utf8 = self.utf8 or bool(names & _UTF8)
        return found

    def next_raw(self) -> bytes | None:
        """Give the bytes of the next whole response with its CRLF, or None."""
        buffer = self._buffer
        while self._scan <= len(buffer):
            end = buffer.find(b"\r\n", self._scan)
            if end < 0:
                self._scan = max(len(buffer) - 1, self._scan)
                return None
            size = self._literal_size(end)
            if size is None:
                raw = bytes(buffer[: end + 2])
                del buffer[: end + 2]
                self._line = self._scan = 0
                return raw
            self._line = self._scan = end + 2 + size
        return None

    @property
    def pending(self) -> bytes:
        """What has arrived of a response that is not whole yet."""
        return bytes(self._buffer)

    def _literal_size(self, end: int) -> int | None:
        found = _LITERAL.search(bytes(self._buffer[max(self._line, end - 13) : end]))
        if found is None:
            return None
        head = bytes(self._buffer[: min(end, 200)])
        if head.startswith(b"+"):
            return None
        # The text of a status response may end like a literal; its code may have one.
        if _STATUS.match(head) and not _OPEN_CODE.match(bytes(self._buffer[:end])):
            return None
        return int(found[1])


_UTF8 = frozenset({"UTF8=ACCEPT", "IMAP4REV2"})
"""What makes quoted strings UTF-8 (RFC 6855 §3, RFC 9051 §5.1)."""


def parse_response(
    raw: bytes, *, utf8: bool = False, texts: bool = False
) -> r.Response:
    """Parse one whole response, CRLF and literals included. Raises `Malformed`."""
    if not raw.endswith(b"\r\n"):
        raise Malformed("CRLF", len(raw), raw)
    reader = ResponseReader(raw[:-2], utf8=utf8, texts=texts)
    if reader.accept(b"+ "):
        return _continuation(reader)
    if not reader.accept(b"* "):
        tag = reader.match(_TAG, "tag").decode("ascii")
        reader.take(b" ")
        return _status(reader, reader.match(_WORD, "status").upper(), tag)
    if reader.peek_digit():
        return _message_data(reader)
    name = reader.match(_WORD, "response name").upper()
    if name in _KINDS:
        return _status(reader, name, None)
    parse = UNTAGGED.get(name.decode("ascii"))
    if parse is None:
        reader.refuse("a known response")
    found = parse(reader)
    reader.end()
    return found


_WORD = re.compile(rb"[A-Za-z][A-Za-z0-9.=+-]*")
_KINDS = frozenset({b"OK", b"NO", b"BAD", b"PREAUTH", b"BYE"})
_SELECTABILITY = frozenset({"\\NOSELECT", "\\NONEXISTENT", "\\MARKED", "\\UNMARKED"})


class ResponseReader(BodyReader):
    """Reads the items that several responses share."""

    def flags(self, *, extra: frozenset[str]) -> frozenset[str]:
        """``flag-list``, with the named flags that are no `flag` but may stand here."""
        self.take(b"(")
        found: list[str] = []
        while not self.accept(b")"):
            if found:
                self.take(b" ")
            found.append(self.flag(extra))
        if len({flag.upper() for flag in found}) != len(found):
            self.refuse("each flag once")
        return frozenset(found)

    def flag(self, extra: frozenset[str]) -> str:
        if "\\*" in extra and self.accept(b"\\*"):
            return "\\*"
        slash = "\\" if self.accept(b"\\") else ""
        flag = slash + self.atom()
        if flag.upper() == "\\RECENT" and "\\RECENT" not in extra:
            self.refuse("a flag other than \\Recent")
        return flag

    def capabilities(self) -> frozenset[str]:
        names: list[str] = []
        while self.accept(b" "):
            names.append(self.atom())
        if len(set(names)) != len(names):
            self.refuse("each capability once")
        return frozenset(names)

    def delimiter(self) -> str | None:
        if self.accept_word(b"NIL"):
            return None
        if not self.peek(b'"'):
            self.refuse("delimiter")
        found = self.string()
        if len(found) != 1 or found > b"\x7f":
            self.refuse("one character")
        return found.decode("ascii")

    def section_name(self) -> str:
        """``section`` and origin, in upper case: ``[1.HEADER.FIELDS (TO)]<0>``."""
        self.take(b"[")
        name = self.match(_SECTION, "section").decode("ascii").upper()
        if name.endswith(("HEADER.FIELDS", "HEADER.FIELDS.NOT")):
            self.take(b" (")
            fields = [self.astring()]
            while self.accept(b" "):
                fields.append(self.astring())
            self.take(b")")
            name += " (" + " ".join(f.decode("latin-1").upper() for f in fields) + ")"
        self.take(b"]")
        origin = ""
        if self.accept(b"<"):
            origin = f"<{self.number()}>"
            self.take(b">")
        return f"[{name}]{origin}"


_SECTION = re.compile(
    rb"(?:[1-9][0-9]*(?:\.[1-9][0-9]*)*"
    rb"(?:\.(?:HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME))?"
    rb"|HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT)?",
    re.IGNORECASE,
)


# -- status responses


def _status(reader: ResponseReader, kind: bytes, tag: str | None) -> r.Status:
    tagged_only = kind in (b"PREAUTH", b"BYE")
    if kind not in _KINDS or (tag is not None and tagged_only):
        reader.refuse("OK, NO or BAD")
    reader.take(b" ")
    code = _code(reader) if reader.peek(b"[") else None
    return r.Status(kind.decode("ascii"), reader.text(), code, tag)


def _code(reader: ResponseReader) -> r.Code:
    reader.take(b"[")
    name = reader.match(_CODE, "code").strip(b" ").decode("ascii").upper()
    value: object = None
    has_argument = reader.data[reader.at - 1 : reader.at] == b" "
    if name in CODES:
        parse = CODES[name]
        if (parse is not None) != has_argument and name not in _OPTIONAL:
            reader.refuse(f"{name} with{'out' if parse is None else ''} an argument")
        if parse is not None and has_argument:
            value = parse(reader)
    elif has_argument:
        value = reader.match(_CODE_TEXT, "argument of a code").decode("ascii")
    reader.take(b"] ")
    return r.Code(name, value)


def _continuation(reader: ResponseReader) -> r.Continuation:
    rest = reader.data[reader.at :]
    if not BASE64.match(rest):
        if reader.peek(b"["):
            _code(reader)
        reader.text()
    return r.Continuation(rest.decode("ascii"))


def _badcharset(reader: ResponseReader) -> tuple[str, ...]:
    reader.take(b"(")
    found = [reader.astring()]
    while reader.accept(b" "):
        found.append(reader.astring())
    reader.take(b")")
    return tuple(name.decode("ascii") for name in found)


def _capability_code(reader: ResponseReader) -> frozenset[str]:
    reader.at -= 1  # each capability comes with the space before it
    return _rev1(reader, reader.capabilities())


def _appenduid(reader: ResponseReader) -> tuple[int, tuple[int, ...]]:
    validity = reader.nz_number()
    reader.take(b" ")
    return validity, reader.uid_set()


def _copyuid(reader: ResponseReader) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    validity, source = _appenduid(reader)
    reader.take(b" ")
    target = reader.uid_set()
    if len(source) != len(target):
        reader.refuse("as many UIDs as were copied")
    return validity, source, target


_BARE = (  # RFC 3501, 4315, 7162
    "ALERT PARSE READ-ONLY READ-WRITE TRYCREATE UIDNOTSTICKY CLOSED "
    "UNAVAILABLE AUTHENTICATIONFAILED AUTHORIZATIONFAILED EXPIRED PRIVACYREQUIRED "
    "CONTACTADMIN NOPERM INUSE EXPUNGEISSUED CORRUPTION SERVERBUG CLIENTBUG CANNOT "
    "LIMIT OVERQUOTA ALREADYEXISTS NONEXISTENT "  # RFC 5530 §3
    "BADCOMPARATOR "  # RFC 5255 §4.9
    "UIDREQUIRED USEATTR TOOFEW TOOBIG"  # RFC 9586, RFC 6154 §7, RFC 7889 §5
)
CODES: dict[str, Callable[[ResponseReader], object] | None] = {
    **dict.fromkeys(_BARE.split()),
    "BADCHARSET": _badcharset,
    "CAPABILITY": _capability_code,
    "PERMANENTFLAGS": lambda reader: reader.flags(extra=frozenset({"\\*"})),
    "UIDNEXT": ResponseReader.nz_number,
    "UIDVALIDITY": ResponseReader.nz_number,
    "UNSEEN": ResponseReader.nz_number,
    "APPENDUID": _appenduid,
    "COPYUID": _copyuid,
    "HIGHESTMODSEQ": modseq,
    "INPROGRESS": in_progress,
    "NOUPDATE": lambda reader: reader.string().decode("ascii"),
    "MODIFIED": ResponseReader.uid_set,
    "METADATA": mailbox_data.metadata_code,
    "ANNOTATE": annotation_reader.failure,
    "ANNOTATIONS": annotation_reader.support,
    "MAILBOXID": mailbox_data.object_id,
    "OBJECTID": mailbox_data.object_ids,
}
"""Response codes by name: how their argument is read; None where there is none."""

_OPTIONAL = frozenset({"BADCHARSET"})


# -- untagged data


def _rev1(reader: ResponseReader, names: frozenset[str]) -> frozenset[str]:
    if "IMAP4rev1" not in names:
        reader.refuse("IMAP4rev1 among the capabilities")
    return names


def _list_line(reader: ResponseReader, *, lsub: bool = False) -> r.ListLine:
    reader.take(b" ")
    attributes = reader.flags(extra=frozenset())
    upper = {name.upper() for name in attributes}
    if len(upper & _SELECTABILITY) > 1 or not all(n[0] == "\\" for n in attributes):
        reader.refuse("mbx-list-flags")
    reader.take(b" ")
    delimiter = reader.delimiter()
    reader.take(b" ")
    name = reader.mailbox()
    if lsub or not reader.accept(b" ("):
        return r.ListLine(name, delimiter, attributes, lsub)
    extended = mailbox_data.extended_list(reader)
    return r.ListLine(name, delimiter, attributes, lsub, extended)


def _status_line(reader: ResponseReader) -> r.StatusLine:
    reader.take(b" ")
    name = reader.mailbox()
    reader.take(b" (")
    items: dict[str, Any] = {}
    while not reader.accept(b")"):
        if items:
            reader.take(b" ")
        item = reader.atom().upper()
        reader.take(b" ")
        if item in items:
            reader.refuse("each item once")
        read = mailbox_data.STATUS_ITEMS.get(item)
        items[item] = reader.number64() if read is None else read(reader)
    return r.StatusLine(name, items)


def _search(reader: ResponseReader) -> r.SearchResult:
    found: list[int] = []
    highest = None
    while reader.accept(b" "):
        if found and reader.accept(b"(MODSEQ "):  # RFC 7162 §3.1.6
            highest = modseq(reader)
            reader.take(b")")
            break
        found.append(reader.nz_number())
    if len(set(found)) != len(found):
        reader.refuse("each message once")
    return r.SearchResult(tuple(found), highest)


def _flags_line(reader: ResponseReader) -> r.FlagsLine:
    reader.take(b" ")
    return r.FlagsLine(reader.flags(extra=frozenset()))


def _server_id(reader: ResponseReader) -> r.ServerId:
    reader.take(b" ")
    if reader.accept_word(b"NIL"):
        return r.ServerId(None)
    reader.take(b"(")
    found: list[tuple[str, bytes | None]] = []
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        name = reader.string().decode("ascii").lower()
        reader.take(b" ")
        found.append((name, reader.nstring()))
    return r.ServerId(tuple(found))


def _namespace(reader: ResponseReader) -> r.Namespace:
    return r.Namespace(*(_namespace_class(reader) for _ in range(3)))


def _namespace_class(reader: ResponseReader) -> tuple[tuple[str, str | None], ...]:
    reader.take(b" ")
    if reader.accept_word(b"NIL"):
        return ()
    reader.take(b"(")
    found: list[tuple[str, str | None]] = []
    while not found or not reader.accept(b")"):
        reader.take(b"(")
        prefix = reader.string().decode("ascii")
        reader.take(b" ")
        found.append((prefix, reader.delimiter()))
        while reader.accept(b" "):
            reader.string()
            reader.take(b" ")
            reader.strings()
        reader.take(b")")
    return tuple(found)


UNTAGGED: dict[str, Callable[[ResponseReader], r.Untagged]] = {
    "CAPABILITY": lambda reader: r.Capabilities(_rev1(reader, reader.capabilities())),
    "LIST": _list_line,
    "XLIST": _list_line,
    "LSUB": lambda reader: _list_line(reader, lsub=True),
    "STATUS": _status_line,
    "SEARCH": _search,
    "UIDBATCHES": uid_batches,
    "SORT": sort_result,
    "THREAD": thread_lists,
    "COMPARATOR": comparator,
    "ESEARCH": esearch,
    "FLAGS": _flags_line,
    "ENABLED": lambda reader: r.Enabled(reader.capabilities()),
    "VANISHED": vanished,
    "ID": _server_id,
    **mailbox_data.UNTAGGED,
    "NAMESPACE": _namespace,
    "LANGUAGE": url_reader.languages,
    "GENURLAUTH": url_reader.signed_urls,
    "URLFETCH": url_reader.fetched_urls,
}
"""Untagged responses by name; what follows the name is read."""


# -- message data


def _message_data(reader: ResponseReader) -> r.Untagged:
    number = reader.number()
    reader.take(b" ")
    name = reader.match(_WORD, "response name").upper()
    if name == b"EXISTS":
        reader.end()
        return r.Exists(number)
    if name == b"RECENT":
        reader.end()
        return r.Recent(number)
    if number == 0:
        reader.refuse("a message number")
    if name == b"EXPUNGE":
        reader.end()
        return r.Expunge(number)
    if name not in (b"FETCH", b"UIDFETCH"):
        reader.refuse("FETCH, UIDFETCH, EXPUNGE, EXISTS or RECENT")
    reader.take(b" ")
    items = _msg_att(reader)
    reader.end()
    return (r.Fetch if name == b"FETCH" else r.UidFetch)(number, items)


def _msg_att(reader: ResponseReader) -> Mapping[str, object]:
    items: dict[str, object] = {}
    reader.take(b"(")
    while True:
        name = reader.match(_ITEM, "msg-att").decode("ascii").upper()
        parse = FETCH_ITEMS.get(name)
        if name in _SECTIONED and reader.peek(b"["):
            parse = _SECTIONED[name]
            name += reader.section_name()
        if parse is None:
            reader.refuse("a known item")
        reader.take(b" ")
        value = parse(reader)
        if items.setdefault(name, value) != value:
            reader.refuse("one value for an item")
        if reader.accept(b")"):
            return items
        reader.take(b" ")


_ITEM = re.compile(rb"[A-Za-z][A-Za-z0-9.-]*")
_SECTIONED: dict[str, Callable[[ResponseReader], object]] = {
    "BODY": ResponseReader.nstring,
    "BINARY": ResponseReader.nstring8,
    "BINARY.SIZE": ResponseReader.number,
}
FETCH_ITEMS: dict[str, Callable[[ResponseReader], object]] = {
    "FLAGS": lambda reader: reader.flags(extra=frozenset({"\\RECENT"})),
    "UID": ResponseReader.nz_number,
    "MODSEQ": message_modseq,
    "INTERNALDATE": ResponseReader.date_time,
    "RFC822.SIZE": ResponseReader.number,
    "RFC822": ResponseReader.nstring,
    "RFC822.HEADER": ResponseReader.nstring,
    "RFC822.TEXT": ResponseReader.nstring,
    "ENVELOPE": ResponseReader.envelope,
    "BODY": lambda reader: reader.body(extensible=False),
    "BODYSTRUCTURE": lambda reader: reader.body(extensible=True),
    "EMAILID": mailbox_data.object_id,
    "OBJECTID": mailbox_data.object_ids,
    "THREADID": lambda r: mailbox_data.or_nil(r, mailbox_data.object_id),
    "SAVEDATE": lambda r: mailbox_data.or_nil(r, ResponseReader.date_time),
    "PREVIEW": ResponseReader.nstring,
    "DIGEST.SHA1": ResponseReader.atom,
    "ANNOTATION": annotation_reader.annotation_data,
    **gmail_reader.ITEMS,
}
"""Items of FETCH by name; what follows name and space is read."""
