"""What a session takes of its client's octets."""

from __future__ import annotations

import pytest

from imapd.session.faults import Bad, Bye
from imapd.session.frames import frame_limits, plain_line
from imapd.session.limits import Limits
from imapd.wire.framing import Frame, Literal, LiteralAnnounced, Poison


def test_who_is_not_logged_in_has_shorter_lines():
    limits = Limits(command_line=9_000, command_line_before_login=700)
    assert frame_limits(limits, logged_in=True).line == 9_000
    assert frame_limits(limits, logged_in=False).line == 700


def test_a_line_in_the_middle_of_a_command():
    assert plain_line(Frame(b"DONE")) == b"DONE"


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (LiteralAnnounced(b"{5}\r\n", (), 5, True, False), Bye),
        (Frame(b"x", (), Poison("that is too long")), Bad),
        (Frame(b"x", (), Poison("nobody knows where it ends", fatal=True)), Bye),
        (Frame(b"{1}\r\n", (Literal(1, b"x"),)), Bad),
    ],
)
def test_what_is_no_plain_line(event, fault):
    with pytest.raises(fault):
        plain_line(event)
