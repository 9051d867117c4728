"""A client of numbers before a server that knows UIDs alone (RFC 9586).

Transcripts are written with message numbers. `UidOnlyPeer` stands between them and a
session with UIDONLY: it keeps the numbers by itself, as a client would have to, and
says everything in UIDs. What is played through it is the server's other mode::

    C: a1 FETCH 2 (FLAGS)      becomes      a1 UID FETCH 7 (FLAGS)
    S: * 7 UIDFETCH (FLAGS ())  becomes     * 2 FETCH (FLAGS ())
    S: * VANISHED 7             becomes     * 2 EXPUNGE
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imapd.syntax.sequence import SequenceSet
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.encode import sequence_set
from tests.support.response_parser import ResponseParser
from tests.support.responses import Vanished
from tests.support.session import Session

_BY_SET = re.compile(
    rb"(\S+) (FETCH|STORE|COPY|MOVE|REPLACE) ([0-9*][0-9*:,]*|\$)( .*)",
    re.IGNORECASE | re.DOTALL,
)
_SEARCH = re.compile(
    rb"(\S+) (UID )?(SEARCH|SORT|THREAD)( .*)", re.IGNORECASE | re.DOTALL
)
_QRESYNC = re.compile(rb"\S+ ENABLE\b.* QRESYNC\b", re.IGNORECASE)
_LOGIN = re.compile(rb"(\S+) (LOGIN|AUTHENTICATE)\b", re.IGNORECASE)
_SELECT = re.compile(rb"(\S+) (SELECT|EXAMINE)\b", re.IGNORECASE)
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")
_SET = re.compile(rb"(\(*)([0-9*][0-9*:,]*)(\)*)")
_TAKES_NUMBER = frozenset(b"LARGER SMALLER UID MODSEQ OLDER YOUNGER PARTIAL".split())
_UIDFETCH = re.compile(rb"\* (\d+) UIDFETCH (.*)", re.DOTALL)
_UID_ITEM = re.compile(rb"(?<=[( ])UID \d+ (?=\S)|(?<=\S) UID \d+(?=\))")
_HOLD = (b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD")
_FOUND = (b"* SEARCH", b"* SORT", b"* THREAD")


def without_uid_items(text: bytes) -> bytes:
    """Leave UID out of a FETCH response that has other items.

    Whether it is told beside others is the one thing that differs in the two modes.
    """
    return _UID_ITEM.sub(b"", text, count=1)


@dataclass(frozen=True, slots=True)
class _Command:
    """What was asked, and in which words."""

    tag: bytes = b""
    name: bytes = b""
    by_number: bool = False

    @property
    def holds(self) -> bool:
        return self.by_number and self.name in _HOLD


class UidOnlyPeer:
    """A transcript's peer over a `Session`, which has to be fresh."""

    waits = False

    def __init__(self, session: Session) -> None:
        self._session = session
        self._parser = ResponseParser()
        self._output = session.raw
        self._uids: list[int] = []
        self._held: list[int] = []
        self._command = _Command()
        self._inside = False  # a literal is on its way
        self._vanished = False  # the client itself wants VANISHED
        session.raw = b""

    @property
    def closed(self) -> bool:
        return self._session.closed

    def take_output(self) -> bytes:
        self._listen()
        found, self._output = self._output, b""
        return found

    def receive(self, data: bytes) -> None:
        self._listen()
        for line in self._commands(data):
            self._send(line)
            self._listen()

    def _commands(self, data: bytes) -> Iterator[bytes]:
        """Cut what is sent at once into commands; literals stay with their lines."""
        while data:
            end = data.index(b"\r\n")
            while (literal := _LITERAL.search(data[:end])) and literal[2]:
                end = data.find(b"\r\n", end + 2 + int(literal[1]))
                if end < 0:  # the rest comes later
                    end = len(data) - 2
                    break
            yield data[: end + 2]
            data = data[end + 2 :]

    def _send(self, data: bytes) -> None:
        if self._inside:
            self._inside = False
        else:
            data = self._in_uids(data)
        last = data.removesuffix(b"\r\n").rpartition(b"\r\n")[2]
        literal = _LITERAL.search(last)
        self._inside = literal is not None and not literal[2]
        self._session.connection.receive(data)

    # -- to the server

    def _in_uids(self, data: bytes) -> bytes:
        if found := _BY_SET.match(data):
            tag, name, numbers, rest = found.groups()
            uids = self._resolve(numbers)
            self._command = _Command(tag, name.upper(), by_number=True)
            if numbers == b"$":
                return b"%b UID %b $%b" % (tag, name, rest)
            if uids:
                return b"%b UID %b %b%b" % (tag, name, sequence_set(uids), rest)
            return data  # the server refuses it, as it refuses the number
        if found := _SEARCH.match(data):
            tag, by_uid, name, keys = found.groups()
            self._command = _Command(tag, name.upper(), by_number=not by_uid)
            return b"%b UID %b%b" % (tag, name, self._keys(keys))
        for pattern in (_LOGIN, _SELECT):
            if found := pattern.match(data):
                self._command = _Command(found[1], found[2].upper())
                return data
        self._vanished = self._vanished or _QRESYNC.match(data) is not None
        tag, _, name = data.partition(b" ")
        self._command = _Command(tag, name)
        return data

    def _resolve(self, numbers: bytes) -> list[int]:
        try:
            ranges = SequenceSet.parse(Cursor(numbers)).resolve(len(self._uids))
        except Malformed:
            return []
        if not ranges or ranges[-1][1] > len(self._uids):
            return []
        return [uid for low, high in ranges for uid in self._uids[low - 1 : high]]

    def _keys(self, keys: bytes) -> bytes:
        """Say the sets of a search in UIDs."""
        words = keys.split(b" ")
        for at, word in enumerate(words):
            before = words[at - 1].upper().lstrip(b"(") if at else b""
            found = _SET.fullmatch(word.removesuffix(b"\r\n"))
            if found is None or before in _TAKES_NUMBER or before == b"ALL":
                continue
            # A number beyond the mailbox finds nothing, and so does the last UID.
            uids = sequence_set(self._resolve(found[2])) or b"4294967295"
            tail = b"\r\n" if word.endswith(b"\r\n") else b""
            words[at] = b"%bUID %b%b%b" % (found[1], uids, found[3], tail)
        return b" ".join(words)

    # -- from the server

    def _listen(self) -> None:
        self._parser.feed(self._session.raw)
        self._session.raw = b""
        while (raw := self._parser.next_raw()) is not None:
            self._parser.parse(raw)
            self._output += self._in_numbers(raw)

    def _in_numbers(self, raw: bytes) -> bytes:
        if found := _UIDFETCH.fullmatch(raw):
            number = self._uids.index(int(found[1])) + 1
            return without_uid_items(b"* %d FETCH %b" % (number, found[2]))
        if raw.startswith(b"* VANISHED (EARLIER)"):
            return raw
        if raw.startswith(b"* VANISHED"):
            told = self._parser.parse(raw)
            assert isinstance(told, Vanished)
            if self._vanished:
                self._uids = [uid for uid in self._uids if uid not in told.uids]
                return raw
            self._held += told.uids
            return b"" if self._command.holds else self._expunges()
        if raw.endswith(b" EXISTS\r\n"):
            self._grow(int(raw.split()[1]))
            return raw
        if raw.startswith(_FOUND) and self._command.by_number:
            uids, paren, facts = raw.partition(b" (MODSEQ ")
            return self._numbers(uids) + paren + facts
        if raw.startswith(b"* ESEARCH") and self._command.by_number:
            assert self._uids == list(range(1, len(self._uids) + 1)), "not the same"
            return raw.replace(b" UID", b"", 1)
        if raw.startswith(self._command.tag + b" ") and self._command.tag:
            return self._tagged(raw)
        return raw

    def _numbers(self, words: bytes) -> bytes:
        return re.sub(
            rb"\d+", lambda m: b"%d" % (self._uids.index(int(m[0])) + 1), words
        )

    def _tagged(self, raw: bytes) -> bytes:
        name, kind = self._command.name, raw.split(b" ", 2)[1]
        if kind == b"OK" and name in (b"LOGIN", b"AUTHENTICATE"):
            self._session.raw = b""
            self._session.connection.receive(b"uidonly ENABLE UIDONLY\r\n")
            assert b"* ENABLED UIDONLY\r\n" in self._session.raw
            self._session.raw = b""
        before = b"" if self._command.holds else self._expunges()
        if self._command.by_number:
            raw = raw.replace(b"UID " + name, name, 1)
        self._command = _Command()
        return before + raw

    def _expunges(self) -> bytes:
        gone = sorted(self._held, reverse=True)
        self._held = []
        lines = []
        for uid in gone:
            number = self._uids.index(uid) + 1
            lines.append(b"* %d EXPUNGE\r\n" % number)
            del self._uids[number - 1]
        return b"".join(lines)

    def _grow(self, exists: int) -> None:
        """Note the messages of a mailbox, or new ones; held ones count here alone."""
        selected = self._session.connection.session.selected
        if selected is None:
            return
        there: Sequence[int] = selected.view.uids[: selected.view.exists]
        if self._command.name in (b"SELECT", b"EXAMINE"):
            self._uids, self._held = [], []
        last = self._uids[-1] if self._uids else 0
        self._uids += [uid for uid in there if uid > last]
        assert len(self._uids) - len(self._held) == exists
