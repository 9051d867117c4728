"""What an administrator reads: one line per event, text or JSON, never a secret.

::

    2026-11-24T01:02:03.004Z INFO command id=0-1f user=alice command=FETCH ms=3.1

Text that came from outside is escaped and cut, so that no client can forge a line
or speak to a terminal. Writing happens in a thread of its own: a full disk or a
stopped terminal never holds up a session; what does not fit into the queue is
counted and reported.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import logging.handlers
import queue
import re
import secrets
import select
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

LOGGER = logging.getLogger("imapd")
_QUEUED = 10_000
_LONGEST = 200
_PLAIN = re.compile(r"[A-Za-z0-9._:@/+\-\[\]()*]{1,200}")
_SECRET = frozenset({"LOGIN", "AUTHENTICATE"})
_LEVELS = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

EVENT_LEVELS: Mapping[str, int] = {
    "connect": logging.DEBUG,
    "disconnect": logging.DEBUG,
    "command": logging.INFO,
    "store": logging.WARNING,
    "twisted": logging.WARNING,
    "worker-died": logging.ERROR,
    "worker-not-started": logging.ERROR,
    "worker-hung": logging.ERROR,
    "reload-failed": logging.ERROR,
    "stop-stuck": logging.ERROR,
    "control-failed": logging.WARNING,
    "auth-socket": logging.WARNING,
    "failure": logging.ERROR,
}
"""How severe each kind of event is; what is not here is `info`."""


def escaped(value: object) -> str:
    """Write a value so that it is one printable ASCII word, however hostile."""
    text = value if isinstance(value, str) else str(value)
    cut = text[:_LONGEST]
    if len(text) == len(cut) and _PLAIN.fullmatch(text):
        return text
    quoted = json.dumps(cut, ensure_ascii=True).replace("\x7f", "\\u007f")
    return quoted if len(text) == len(cut) else f"{quoted}..."


class TextFormat(logging.Formatter):
    """``time LEVEL kind key=value ...``"""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record as one line; a traceback follows, indented."""
        facts: Mapping[str, object] = getattr(record, "facts", {})
        words = [_time(record), record.levelname, _kind(record)]
        words += [f"{name}={escaped(value)}" for name, value in facts.items()]
        line = " ".join(words)
        trace = getattr(record, "trace", "")
        return line + "".join(f"\n    {part}" for part in trace.splitlines())


class JsonFormat(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        facts: Mapping[str, object] = getattr(record, "facts", {})
        data: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": _kind(record),
        }
        for name, value in facts.items():
            keep = value is None or isinstance(value, bool | int | float)
            data[name] = value if keep else str(value)[:_LONGEST]
        if getattr(record, "trace", ""):
            data["trace"] = getattr(record, "trace", "")
        return json.dumps(data, ensure_ascii=True).replace("\x7f", "\\u007f")


def _time(record: logging.LogRecord) -> str:
    when = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(record.msecs):03}Z"


def _kind(record: logging.LogRecord) -> str:
    if hasattr(record, "facts"):
        return str(record.msg)
    return f"note text={escaped(record.getMessage())}"


class _BoundedQueue(logging.handlers.QueueHandler):
    """Hands records to the writing thread; drops and counts what does not fit."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # the writing thread formats

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            return
        if self.dropped:
            lost, self.dropped = self.dropped, 0
            event("dropped", entries=lost)


class _ReopenedFile(logging.FileHandler):
    """A log file that can be moved away: `reopen` begins the next one."""

    def reopen(self) -> None:
        """Raise `OSError` when that cannot be; the old one is written on then."""
        self.acquire()
        try:
            begun = self._open()
            self.close()
            self.stream = begun
        finally:
            self.release()


class _Unthreaded(logging.Handler):
    """Writes at once, for a process that may have no thread; never waits for a reader.

    What a pipe that nobody reads has no room for is left out.
    """

    def __init__(self, out: logging.StreamHandler[Any]) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # A pipe that can be written to has room for a short line.
            ready = select.select((), (self._out.stream,), (), 0)[1]
        except (OSError, ValueError):
            ready = [self._out.stream]  # no descriptor, or one that select can't take
        if ready:
            self._out.handle(record)


class LogWriter:
    """The writing side: call `start` once, `stop` at the end of the program.

    Without ``threaded`` there is no thread, as for who forks.
    """

    def __init__(
        self,
        *,
        level: str = "info",
        form: str = "text",
        file: Path | None = None,
        stream: IO[str] | None = None,
        threaded: bool = True,
    ) -> None:
        """Prepare to write; raises `OSError` when the file cannot be opened."""
        self._out: logging.StreamHandler[Any]
        if file is not None:
            self._out = _ReopenedFile(file, encoding="utf-8")
        else:
            self._out = logging.StreamHandler(stream or sys.stderr)
        self._out.setFormatter(JsonFormat() if form == "json" else TextFormat())
        self._level = level
        self._threaded = threaded
        records: queue.Queue[logging.LogRecord] = queue.Queue(_QUEUED)
        queued = _BoundedQueue(records)
        self._in: logging.Handler = queued if threaded else _Unthreaded(self._out)
        self._listener = logging.handlers.QueueListener(records, self._out)

    def start(self) -> None:
        """Take what is logged from now on."""
        LOGGER.propagate = False
        LOGGER.addHandler(self._in)
        self.set_level(self._level)
        if self._threaded:
            self._listener.start()

    def set_level(self, level: str) -> None:
        """Change the least severe level that is kept."""
        LOGGER.setLevel(_LEVELS[level])

    def reopen(self) -> None:
        """Begin a new file, after the old one was moved away.

        Never raises: nobody stops serving because the log's folder is full or gone.
        """
        if isinstance(self._out, _ReopenedFile):
            try:
                self._out.reopen()
            except OSError as error:
                event("reload-failed", error=f"[log] file: {error.strerror}")

    def stop(self) -> None:
        """Write what is queued, then end."""
        LOGGER.removeHandler(self._in)
        if self._threaded:
            self._listener.stop()
        self._out.close()


def event(kind: str, /, **facts: object) -> None:
    """Log one event with its facts, given by name."""
    level = EVENT_LEVELS.get(kind, logging.INFO)
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, kind, extra={"facts": facts})


def failure(error: BaseException, **facts: object) -> str:
    """Log an unexpected error with the way it took; gives an id to tell others.

    The trace names places in the program, not the values there: those may be
    somebody's mail or password. The error's own text is cut short, and left out
    where a password was being read.
    """
    mark = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)
    trace = "\n".join(
        f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames
    )
    LOGGER.error(
        "failure",
        extra={
            "facts": {
                "error_id": mark,
                "type": type(error).__name__,
                "error": "" if facts.get("command") in _SECRET else str(error),
                **facts,
            },
            "trace": trace,
        },
    )
    return mark


class Sessions:
    """The port `imapd.session.context.SessionLog`."""

    def __init__(
        self,
        *,
        commands: bool = False,
        count: Callable[[str, Mapping[str, object]], None] = lambda _, __: None,
    ) -> None:
        self.commands = commands
        self.answered = 0  # commands of which there was no event
        self._count = count

    def event(self, kind: str, **facts: object) -> None:
        """Count and log one event; commands are logged only when they are wanted."""
        self._count(kind, facts)
        if kind != "command" or self.commands:
            event(kind, **facts)

    def failure(self, error: BaseException, **facts: object) -> str:
        """Count and log an unexpected error; gives an id for the client."""
        self._count("failure", facts)
        return failure(error, **facts)
