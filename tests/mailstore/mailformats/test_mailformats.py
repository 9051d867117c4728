"""Single files, mbox and Maildir++, read and written."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mailformats import detect, maildir, mbox
from mailstore.mailformats.found import Found, Skipped, with_crlf, with_lf
from mailstore.model import InternalDate

MOST = 10_000
DATE = InternalDate(1_600_000_000)


def read(path, most=MOST):
    return list(detect.messages(path, most))


def found(path):
    return [one for one in read(path) if isinstance(one, Found)]


@given(st.text(alphabet="ab\r\n", max_size=30).map(str.encode))
def test_line_ends_come_back(data):
    stored = with_crlf(data)
    assert b"\n" not in stored.replace(b"\r\n", b"")
    assert with_crlf(with_lf(stored)) == stored


# -- single files


def test_a_folder_of_messages(tmp_path):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("b.eml", "a.EML", "sub/c.eml", "sub/deep/d.eml"):
        (tmp_path / name).write_bytes(b"Subject: " + name.encode() + b"\n\nx\n")
        os.utime(tmp_path / name, (DATE.epoch, DATE.epoch))
    (tmp_path / "plain").write_bytes(b"Subject: no suffix\n\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden").write_bytes(b"Subject: x\n\n")
    (tmp_path / "empty.eml").touch()
    (tmp_path / "large.eml").write_bytes(b"x" * (MOST + 1))
    result = read(tmp_path)
    messages = [one for one in result if isinstance(one, Found)]
    assert [one.folder for one in messages] == [(), (), (), ("sub",), ("sub", "deep")]
    assert messages[0].content == b"Subject: a.EML\r\n\r\nx\r\n"
    assert messages[0].date == DATE
    reasons = {Path(s.source).name: s.reason for s in result if isinstance(s, Skipped)}
    assert reasons.keys() == {"picture.png", "empty.eml", "large.eml"}
    assert "larger" in reasons["large.eml"]


def test_a_named_file_is_a_message_whatever_its_name(tmp_path):
    (tmp_path / "odd.xyz").write_bytes(b"anything")
    assert [one.content for one in found(tmp_path / "odd.xyz")] == [b"anything"]
    (missing,) = read(tmp_path / "missing")
    assert isinstance(missing, Skipped)


# -- mbox

MBOX = b"""From ann@example.org Thu Jan  1 00:00:10 1970
Subject: one
Status: RO
X-Status: AF

>From here
>>From there
From the middle of a paragraph

From bob Fri Feb 13 23:31:30 2009 +0000
Subject: two
X-Keywords: work  home

text
From nothing in front of it

From x nonsense
no header
"""


def test_an_mbox_is_cut_at_its_separators(tmp_path):
    (tmp_path / "box").write_bytes(MBOX)
    one, two, three = found(tmp_path / "box")
    assert one.content == (
        b"Subject: one\r\n\r\nFrom here\r\n>From there\r\n"
        b"From the middle of a paragraph\r\n"
    )
    assert set(one.flags) == {"\\Seen", "\\Answered", "\\Flagged"}
    assert one.date == InternalDate(10)
    assert two.content.endswith(b"text\r\nFrom nothing in front of it\r\n")
    assert two.flags == ("work", "home")
    assert two.date == InternalDate(1_234_567_890)
    assert three.content == b"no header\r\n"
    assert three.date is None
    assert [o.source.rpartition(":")[2] for o in (one, two, three)] == ["1", "2", "3"]


def test_an_mbox_in_a_folder_is_a_folder(tmp_path):
    (tmp_path / "Work.mbox").write_bytes(MBOX)
    (tmp_path / "saved.eml").write_bytes(MBOX)
    (tmp_path / "Empty.mbox").touch()
    assert not [one for one in read(tmp_path) if isinstance(one, Skipped)]
    assert {one.folder for one in found(tmp_path)} == {("Work",), ()}


def test_crlf_mboxes(tmp_path):
    (tmp_path / "box").write_bytes(MBOX.replace(b"\n", b"\r\n"))
    contents = [one.content for one in found(tmp_path / "box")]
    (tmp_path / "box").write_bytes(MBOX)
    assert contents == [one.content for one in found(tmp_path / "box")]


def test_one_that_is_too_large_does_not_stop_the_others(tmp_path):
    big = b"From a\nSubject: big\n\n" + b"x" * MOST + b"\n\n"
    (tmp_path / "box").write_bytes(big + MBOX)
    result = read(tmp_path / "box")
    assert isinstance(result[0], Skipped)
    assert len(result) == 4


bodies = st.lists(
    st.sampled_from(
        [b"From x", b">From y", b">>From z", b"", b"text", b"Subject: a", b"\xff"]
    ),
    max_size=8,
).map(b"\r\n".join)
flags = st.sets(
    st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "k"])
)


@given(st.lists(st.tuples(bodies, flags), min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory, messages):
    path = tmp_path_factory.mktemp("mbox") / "box"
    contents = [b"Subject: s\r\n\r\n" + body + b"\r\n" for body, _ in messages]
    file = io.BytesIO()
    writer = mbox.MboxWriter(file)
    for at, (content, (_, some)) in enumerate(zip(contents, messages, strict=True)):
        writer.add(at, content, sorted(some), DATE)
    assert writer.written == len(messages)
    path.write_bytes(file.getvalue())
    back = found(path)
    assert [one.content for one in back] == contents
    assert [set(one.flags) for one in back] == [some for _, some in messages]
    assert {one.date for one in back} == {DATE}


# -- Maildir++


def make(path, part, name, data=b"Subject: x\n\n"):
    for folder in ("cur", "new", "tmp"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    (path / part / name).write_bytes(data)


def test_a_maildir_with_subfolders(tmp_path):
    make(tmp_path, "cur", "1.host:2,FRS")
    make(tmp_path, "new", "2.host")
    make(tmp_path, "cur", "3.host:2,ab")
    make(tmp_path, "tmp", "4.half")
    make(tmp_path / ".Sent.2020", "cur", "5:2,DPT")
    (tmp_path / "dovecot-keywords").write_text("0 work\n1 home\nnonsense\n99 x\n")
    (tmp_path / ".notmaildir").mkdir()
    result = {Path(one.source).name: one for one in found(tmp_path)}
    assert result.keys() == {"1.host:2,FRS", "2.host", "3.host:2,ab", "5:2,DPT"}
    assert set(result["1.host:2,FRS"].flags) == {"\\Flagged", "\\Answered", "\\Seen"}
    assert result["2.host"].flags == ()
    assert result["3.host:2,ab"].flags == ("work", "home")
    sent = result["5:2,DPT"]
    assert sent.folder == ("Sent", "2020")
    assert set(sent.flags) == {"\\Draft", "$Forwarded", "\\Deleted"}


def test_a_maildir_below_a_folder(tmp_path):
    make(tmp_path / "ann" / "Mail", "cur", "1:2,")
    make(tmp_path / "ann" / "Mail" / ".x", "cur", "2:2,")
    assert [one.folder for one in found(tmp_path)] == [
        ("ann", "Mail"),
        ("ann", "Mail", "x"),
    ]


@pytest.mark.parametrize("folder", [(), ("Sent", "2020")])
def test_a_written_maildir_is_read(tmp_path, folder):
    writer = maildir.MaildirWriter(tmp_path, folder, ("work", "other"))
    writer.begin()
    maildir.MaildirWriter(tmp_path, (), ()).begin()
    writer.add(7, b"Subject: a\r\n\r\nx\r\n", ["\\Seen", "work"], DATE)
    writer.add(8, b"bare\rCR\r\n", ["$Forwarded", "unknown"], DATE)
    one, two = found(tmp_path)
    assert (one.content, two.content) == (b"Subject: a\r\n\r\nx\r\n", b"bare\rCR\r\n")
    assert set(one.flags) == {"\\Seen", "work"}
    assert two.flags == ("$Forwarded",)
    assert one.date == DATE
    assert one.folder == folder
    assert not list(tmp_path.rglob("tmp/*"))
