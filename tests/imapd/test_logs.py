"""The log: one line per event, nothing forged, nothing secret, nothing blocking."""

import io
import json
import logging
import os
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd import logs
from imapd.syntax.secret import Secret


def written(
    form: str = "text", level: str = "debug"
) -> tuple[io.StringIO, logs.LogWriter]:
    stream = io.StringIO()
    writer = logs.LogWriter(level=level, form=form, stream=stream)
    writer.start()
    return stream, writer


@given(st.text())
def test_no_text_can_forge_a_line_or_reach_a_terminal(text):
    word = logs.escaped(text)
    assert word.isascii()
    assert word.isprintable()
    assert len(word) <= 200 * 12 + 5
    assert " " not in word or word.startswith('"')


def test_an_event_is_one_line():
    stream, writer = written()
    logs.event("login", user="alice\r\n* OK forged\x1b[2J\x7f", ms=3.5)
    writer.stop()
    (line,) = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO login "
        r'user="alice\\r\\n\* OK forged\\u001b\[2J\\u007f" ms=3.5',
        line,
    )


def test_json_has_the_same_facts():
    stream, writer = written("json")
    logs.event("login", user="alice\n", ms=3.5, secure=True, kind="x")
    writer.stop()
    data = json.loads(stream.getvalue())
    assert (data["event"], data["level"]) == ("login", "info")
    assert (data["user"], data["ms"], data["secure"]) == ("alice\n", 3.5, True)


def test_commands_are_logged_only_when_asked_for():
    stream, writer = written()
    sessions = logs.Sessions()
    sessions.event("command", command="NOOP")
    sessions.commands = True
    sessions.event("command", command="IDLE")
    writer.stop()
    assert "NOOP" not in stream.getvalue()
    assert "command=IDLE" in stream.getvalue()


def test_levels_are_kept():
    stream, writer = written(level="warning")
    logs.event("connect", id=1)
    logs.event("login", id=1)
    logs.event("store", id=1)
    writer.set_level("debug")
    logs.event("connect", id=2)
    writer.stop()
    kinds = [line.split()[2] for line in stream.getvalue().splitlines()]
    assert kinds == ["store", "connect"]


def test_a_failure_names_places_and_gives_an_id_but_no_values():
    stream, writer = written()
    password = Secret(b"hunter2")
    try:
        raise ValueError(f"no good: {password!r}")
    except ValueError as error:
        mark = logs.Sessions().failure(error, command="SELECT", user="a")
    try:
        raise ValueError("hunter2")
    except ValueError as error:
        logs.failure(error, command="LOGIN")
    writer.stop()
    text = stream.getvalue()
    assert f"error_id={mark}" in text
    assert "test_logs.py" in text
    assert "no good" in text
    assert "hunter2" not in text


def test_a_log_that_is_not_read_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setattr(logs, "_QUEUED", 10)
    stream = io.StringIO()
    writer = logs.LogWriter(level="info", stream=stream)
    logs.LOGGER.addHandler(writer._in)
    logs.LOGGER.setLevel(logging.INFO)
    for number in range(50):
        logs.event("login", id=number)
    writer._listener.start()
    writer._listener.stop()
    writer._listener.start()
    logs.event("login", id=99)
    writer.stop()
    assert "entries=40" in stream.getvalue()
    assert "id=99" in stream.getvalue()


def test_without_a_thread_nobody_waits_for_a_reader():
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "w") as stream:
        os.set_blocking(write, False)  # what would wait raises
        writer = logs.LogWriter(stream=stream, threaded=False)
        writer.start()
        threads = threading.active_count()
        for number in range(2_000):
            logs.event("login", id=number)
        assert threading.active_count() == threads
        writer.stop()
        lines = os.read(reader.fileno(), 2**20).decode().splitlines()
    assert [line.split()[-1] for line in lines] == [
        f"id={n}" for n in range(len(lines))
    ]
    assert 500 < len(lines) < 2_000


def test_without_a_thread_a_stream_of_any_kind_is_written():
    stream = io.StringIO()
    writer = logs.LogWriter(stream=stream, threaded=False)
    writer.start()
    logs.event("login", id=1)
    writer.stop()
    assert "id=1" in stream.getvalue()


def test_a_log_file_is_begun_anew_after_it_was_moved(tmp_path):
    path = tmp_path / "imapd.log"
    writer = logs.LogWriter(file=path)
    writer.start()
    logs.event("login", id=1)
    writer._listener.stop()
    path.rename(tmp_path / "old.log")
    writer.reopen()
    writer._listener.start()
    logs.event("login", id=2)
    writer.stop()
    assert "id=1" in (tmp_path / "old.log").read_text()
    assert "id=1" not in path.read_text()
    assert "id=2" in path.read_text()


@pytest.mark.parametrize("threaded", [True, False])
def test_a_log_file_that_cannot_be_begun_anew_is_written_on(tmp_path, threaded):
    """Neither a worker nor who keeps them may end, or be deaf, for that."""
    folder = tmp_path / "log"
    folder.mkdir()
    writer = logs.LogWriter(file=folder / "imapd.log", threaded=threaded)
    writer.start()
    folder.rename(tmp_path / "moved")
    writer.reopen()
    logs.event("login", id=1)
    writer.stop()
    lines = (tmp_path / "moved" / "imapd.log").read_text().splitlines()
    assert "ERROR reload-failed" in lines[0]
    assert "No such file" in lines[0]
    assert "id=1" in lines[1]


def test_a_log_file_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        logs.LogWriter(file=tmp_path / "no" / "imapd.log")


def test_notes_of_other_parts_of_the_program_are_logged_too():
    stream, writer = written()
    logs.LOGGER.warning("a %s", "note\n")
    writer.stop()
    assert 'note text="a note\\n"' in stream.getvalue()


def test_what_is_not_logged_is_counted_all_the_same():
    counted: list[str] = []
    sessions = logs.Sessions(count=lambda kind, _: counted.append(kind))
    assert not sessions.commands
    sessions.event("command", command="NOOP")
    assert counted == ["command"]
    logs.Sessions().event("command", command="NOOP")
