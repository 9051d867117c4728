"""``imapd parse``: what the server would understand."""

import json

from click.testing import CliRunner

from imapd.cli import main
from imapd.cli.exits import Exit


def parse(*arguments: str, data: bytes = b""):
    return CliRunner().invoke(main, ["parse", *arguments], input=data)


def test_a_command_is_printed_as_its_tree():
    done = parse("a1 UID FETCH 1:* (FLAGS BODY.PEEK[1.MIME]<0.5>)")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("a1 UID FETCH  (RFC 3501")
    assert "Fetch(" in done.output


def test_json_names_the_nodes():
    done = parse("--json", "a1 SELECT INBOX")
    (found,) = json.loads(done.output)
    assert (found["tag"], found["command"]) == ("a1", "SELECT")
    assert found["node"]["node"] == "Select"


def test_literals_are_taken_from_standard_input():
    done = parse("--json", data=b"a1 LOGIN {5}\r\nalice {6+}\r\nsecret\r\na2 NOOP\r\n")
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.output)
    assert first["command"] == "LOGIN"
    assert second["command"] == "NOOP"
    assert "secret" not in json.dumps(first["node"])


def test_what_was_wanted_is_told_with_its_place():
    done = parse("a1 FETCH 0 FLAGS")
    assert done.exit_code == Exit.FAILED
    assert "wanted at octet 9" in done.output


def test_an_unknown_command_no_tag_and_nothing_are_told():
    for line, words in (
        ("a1 FROB", "unknown command FROB"),
        ("(", "a tag"),
        ("", "no command"),
    ):
        done = parse(line)
        assert done.exit_code == Exit.FAILED
        assert words in done.output


def test_a_literal_that_is_cut_off_is_told():
    done = parse(data=b"a1 LOGIN {50}\r\nalice")
    assert done.exit_code == Exit.FAILED
    assert "45 octets of a literal are missing" in done.output


def test_any_octets_are_answered():
    for data in (
        b"\x00\xff\r\n",
        b"a1 \xe4\xf6\r\n",
        b"{",
        b"a1 APPEND x {3}\r\n\xff\xff",
    ):
        assert parse(data=data).exit_code == Exit.FAILED
