"""What is said (RFC 1939 §3, RFC 2449 §8, RFC 3206)."""

from imapd.doors.pop3.replies import Challenge, Err, Ok, of_error
from mailstore.errors import Busy, Corrupt, ReadOnly, Unavailable


def test_answers_are_lines():
    assert Ok().render() == b"+OK\r\n"
    assert Ok("done").render() == b"+OK done\r\n"
    assert Err("no").render() == b"-ERR no\r\n"
    assert Err("no", "AUTH").render() == b"-ERR [AUTH] no\r\n"
    assert Challenge(b"").render() == b"+ \r\n"
    assert Challenge(b"a").render() == b"+ YQ==\r\n"


def test_errors_tell_programs_whether_to_try_again():
    assert of_error(Busy()).code == of_error(Unavailable()).code == "SYS/TEMP"
    assert of_error(Corrupt()).code == "SYS/PERM"
    assert of_error(ReadOnly()).code == ""
