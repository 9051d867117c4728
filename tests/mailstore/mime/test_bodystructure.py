from pathlib import Path

import pytest
from hypothesis import given

from mailstore.mime.bodystructure import body, bodystructure, leaves, of_part
from mailstore.mime.scanner import scan
from tests.mailstore.mime.corpus import OWN, own, real
from tests.mailstore.mime.grammar import Leaf, Multipart, read_body
from tests.mailstore.mime.strategies import messages

US_ASCII = ((b"charset", b"us-ascii"),)


def of(data: bytes) -> Leaf | Multipart:
    """Read all forms, strictly, and hold them against each other."""
    rendered = bodystructure(scan(data))
    new = read_body(rendered, rev2=True)
    assert read_body(body(rendered), rev2=True) == without_extensions(new)
    found = read_body(leaves(rendered))
    check(found, extended=True)
    short = read_body(body(rendered, nested=False))
    check(short, extended=False)
    assert short == without_extensions(found)
    return found


def check(node: Leaf | Multipart, *, extended: bool) -> None:
    assert (node.extension is not None) is extended
    if isinstance(node, Multipart):
        assert node.parts
        for part in node.parts:
            check(part, extended=extended)
    elif node.body is not None:
        check(node.body, extended=extended)


def without_extensions(node: Leaf | Multipart) -> Leaf | Multipart:
    if isinstance(node, Multipart):
        parts = tuple(without_extensions(part) for part in node.parts)
        return Multipart(parts, node.subtype, (), None)
    inner = None if node.body is None else without_extensions(node.body)
    values = {name: getattr(node, name) for name in node.__dataclass_fields__}
    return Leaf(**{**values, "body": inner, "extension": None})


def leaf(data: bytes) -> Leaf:
    found = of(data)
    assert isinstance(found, Leaf)
    return found


def multipart(data: bytes) -> Multipart:
    found = of(data)
    assert isinstance(found, Multipart)
    return found


def test_the_default_type():
    found = leaf(b"Subject: x\r\n\r\none\r\ntwo\r\n")
    assert (found.type, found.subtype, found.params) == (b"text", b"plain", US_ASCII)
    assert (found.encoding, found.size, found.lines) == (b"7bit", 10, 2)


def test_the_example_of_the_rfc():
    """RFC 3501 §7.4.2: a text and a text attachment with id and description."""
    data = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n" + b"x\r\n" * 23 + b"\r\n"
        b"--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\n"
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\n"
        b"Content-Description: Compiler diff\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n\r\n" + b"y\r\n" * 73 + b"\r\n--b--"
    )
    assert body(bodystructure(scan(data))) == (
        b'(("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 69 23)'
        b'("text" "plain" ("charset" "US-ASCII" "name" "cc.diff")'
        b' "<960723163407.20117h@cac.washington.edu>" "Compiler diff"'
        b' "base64" 219 73) "mixed")'
    )


def test_extension_data():
    found = multipart(own("language-location"))
    assert found.params == ((b"boundary", b"b"), (b"type", b"text/html"))
    extension = found.extension
    assert extension is not None
    assert extension.disposition == (b"inline", ())
    assert extension.language == (b"en", b"de", b"fr")
    assert extension.location == b"http://example.org/"
    (part,) = found.parts
    assert isinstance(part, Leaf)
    assert part.extension is not None
    assert part.extension.md5 == b"Q2hlY2sgSW50ZWdyaXR5IQ=="
    assert part.extension.language == (b"de",)


def test_embedded_messages_have_envelope_body_and_lines():
    found = multipart(own("rfc822-nested"))
    first = found.parts[0]
    assert isinstance(first, Leaf)
    assert first.envelope is not None
    assert first.envelope.subject == b"inner"
    assert isinstance(first.body, Multipart)
    innermost = first.body.parts[1]
    assert isinstance(innermost, Leaf)
    assert innermost.envelope is not None
    assert innermost.envelope.subject == b"innermost"
    assert innermost.lines == 6


def test_pieces_of_parameters_are_repeated_as_they_are():
    (part,) = multipart(own("parameters-2231")).parts
    assert isinstance(part, Leaf)
    assert [name for name, _ in part.params] == [b"charset*", b"name*1*", b"name*0*"]


def test_a_global_message_is_a_leaf_for_the_older_grammar():
    found = leaf(own("message-global"))
    assert (found.type, found.subtype, found.lines) == (b"message", b"global", None)


def test_a_global_message_is_a_message_for_the_newer_grammar():
    """RFC 9051 §9, media-message."""
    found = read_body(bodystructure(scan(own("message-global"))), rev2=True)
    assert isinstance(found, Leaf)
    assert found.envelope is not None
    assert found.envelope.subject == "grüße".encode()
    assert isinstance(found.body, Leaf)
    assert (found.body.type, found.body.size) == (b"text", 6)
    assert found.lines == 4


GLOBALS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/global\r\nContent-MD5: x\r\n\r\n"
    b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c\r\n"
    b"Content-Type: message/global\r\n\r\nSubject: x\r\n\r\n2\r\n--c--\r\n"
    b"--b\r\nContent-Type: message/global-headers\r\n\r\nSubject: y\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/global\r\n\r\n"
    b"Subject: z\r\n\r\n3\r\n--b--\r\n"
)


def test_parts_of_global_messages_are_found_by_their_numbers():
    whole = bodystructure(scan(GLOBALS))
    multipart(GLOBALS)
    for path, start in (
        ((1,), b'("message" "global" NIL'),
        ((1, 1), b'("text"'),
        ((1, 2), b'("message" "global"'),
        ((1, 2, 1), b'("text"'),
        ((2,), b'("message" "global-headers"'),
        ((3, 1), b'("message" "global"'),
        ((3, 1, 1), b'("text"'),
    ):
        found = of_part(whole, path)
        assert found is not None, path
        assert found.startswith(start)
    assert of_part(whole, (2, 1)) is None


def test_a_global_message_of_an_older_program_stays_a_leaf():
    old = b'("message" "global" NIL NIL NIL "8bit" 5 NIL NIL NIL NIL)'
    assert leaves(old) == old
    assert body(old) == body(old, nested=False)
    assert of_part(old, (1,)) == old
    assert of_part(old, (1, 1)) is None


def test_leaves_are_made_of_nothing_but_global_messages():
    """A text that looks like one stays as it is."""
    data = (
        b"Content-Type: text/plain\r\n"
        b'Content-Description: x ("message" "global" (\r\n\r\nhi'
    )
    rendered = bodystructure(scan(data))
    assert b'("message" "global" ' in rendered
    assert leaves(rendered) == rendered


def test_a_multipart_is_never_empty():
    for name in ("multipart-no-boundary", "multipart-absent-boundary", "boundary-long"):
        assert leaf(own(name)).type == b"text"
    assert len(multipart(own("multipart-empty-parts")).parts) == 7


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_ugly_messages_are_grammatical(path: Path):
    data = path.read_bytes()
    rendered = bodystructure(scan(data))
    assert b"\0" not in rendered
    of(data)


def test_real_messages_are_grammatical():
    for path in real():
        of(path.read_bytes())


@given(messages())
def test_any_message_is_grammatical(data: bytes):
    of(data)


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: message/rfc822\r\n\r\n" * 1_000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
            for i in range(1_000)
        ),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 20_000,
        b"A: b\r\n" * 100_000 + b"\r\nx",
        b"Content-Type: text/plain" + b"; x*1*=y" * 100_000 + b"\r\n\r\n",
        b"Content-Language: " + b"en," * 100_000 + b"\r\n\r\n",
        b"Content-Type: " + b"x" * 100_000 + b"/" + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["messages", "multiparts", "parts", "fields", "pieces", "languages", "type"],
)
def test_hostile_messages_are_grammatical(data: bytes):
    of(data)
