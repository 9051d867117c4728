import mmap
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given

from mailstore.mime.scanner import MimeLimits, Part, count_lines, scan
from tests.mailstore.mime.corpus import OWN, own, real
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.mime.reference import Shape, slow_scan
from tests.mailstore.mime.strategies import messages

HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def shape(part: Part) -> Shape:
    children = [shape(child) for child in part.children]
    return part.header, part.body, part.end, (part.type, part.subtype), children


def check_tree(data: bytes, root: Part) -> None:
    """Hold the invariants that the module promises."""
    assert (root.header, root.end) == (0, len(data))
    for part in root.walk():
        assert 0 <= part.header <= part.body <= part.end <= len(data)
        assert part.is_multipart is (part.type == b"multipart")
        assert bool(part.children) or not part.is_multipart
        if part.message is not None:
            assert len(part.children) == 1
            assert part.message.header == part.body
            assert part.message.end == part.end
        for left, right in pairwise(part.children):
            assert left.end <= right.header
        for child in part.children:
            assert part.body <= child.header
            assert child.end <= part.end
        if part.type == b"text" or part.message is not None:
            assert part.lines == data.count(b"\n", part.body, part.end)
    leaves = [part for part in root.walk() if not part.children]
    assert sum(part.size for part in leaves) <= len(data)


@given(messages())
@example(b"")
@example(HEAD + b"--b\r\n--b--")
@example(HEAD + b"--b\r\nContent-Type: message/rfc822\r\n--b\r\n")
@example(b"Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n")
def test_it_finds_what_a_slow_reading_finds(data: bytes):
    root = scan(data)
    check_tree(data, root)
    assert shape(root) == slow_scan(data).shape()


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_ugly_messages_read_as_slow_reading_finds(path: Path):
    data = path.read_bytes()
    root = scan(data)
    check_tree(data, root)
    if "boundary-long" not in path.stem:
        assert shape(root) == slow_scan(data).shape()


def test_real_messages_read_as_slow_reading_finds():
    for path in real():
        data = path.read_bytes()
        root = scan(data)
        check_tree(data, root)
        assert shape(root) == slow_scan(data).shape(), path.name


def bodies(data: bytes) -> list[bytes]:
    return [data[part.body : part.end] for part in scan(data).children]


def test_the_line_end_before_a_boundary_belongs_to_the_boundary():
    data = (
        HEAD + b"preamble\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue"
    )
    assert bodies(data) == [b"one", b"two\r\n"]
    assert bodies(data.replace(b"\r\n", b"\n")) == [b"one", b"two\n"]


def test_a_blank_line_in_front_of_a_boundary_stays_in_the_header():
    data = HEAD + b"--b\r\nContent-Type: text/html\r\n\r\n--b--\r\n"
    part = scan(data).children[0]
    assert data[part.header : part.body] == b"Content-Type: text/html\r\n\r\n"
    assert part.size == 0


def test_a_truncated_multipart_ends_with_the_message():
    root = scan(own("multipart-truncated"))
    inner = root.children[0]
    assert [part.subtype for part in inner.children] == [b"plain", b"html"]
    assert inner.children[1].end == root.end


def test_an_outer_boundary_ends_the_inner_parts():
    root = scan(own("multipart-no-inner-end"))
    assert [part.type for part in root.children] == [b"multipart", b"image"]
    assert len(root.children[0].children) == 1


@pytest.mark.parametrize(
    "name",
    [
        "multipart-no-boundary",
        "multipart-absent-boundary",
        "boundary-long",
    ],
)
def test_a_multipart_without_parts_is_a_text(name: str):
    root = scan(own(name))
    assert (root.type, root.subtype, root.params) == (b"text", b"plain", ())
    assert root.children == ()


def test_in_a_digest_parts_are_messages_by_default():
    digest = scan(own("rfc822-nested")).children[1]
    kinds = [(part.type, part.subtype) for part in digest.children]
    assert kinds == [(b"message", b"rfc822"), (b"text", b"plain")] * 1 + [
        (b"message", b"rfc822")
    ]


def test_what_a_part_says_of_itself():
    part = scan(own("language-location"))
    assert part.language == (b"en", b"de", b"fr")
    assert part.location == b"http://example.org/"
    assert part.disposition == (b"inline", ())
    leaf = part.children[0]
    assert leaf.id == b"<part1@example.org>"
    assert leaf.md5 == b"Q2hlY2sgSW50ZWdyaXR5IQ=="
    assert leaf.description == b'=?utf-8?Q?B=C3=A4r?= "quoted"'


def test_encodings_are_tokens_in_lower_case():
    parts = scan(own("encodings-broken")).children
    encodings = [part.encoding for part in parts]
    assert encodings == [b"base64", b"quoted-printable", b"x-rot13", b"7bit"]


def test_a_disposition_that_is_only_a_parameter_is_an_attachment():
    leaf = scan(own("parameters-broken")).children[0]
    assert leaf.disposition == (b"attachment", ((b"filename", b"report.pdf"),))
    assert leaf.params[0] == (b"name", b"two words (1).pdf")


def test_nul_is_told_by_the_root():
    assert scan(own("nul-octets")).contains_nul
    assert not scan(b"Subject: x\r\n\r\nbody").contains_nul


@pytest.mark.parametrize("path", OWN[::5], ids=lambda path: path.stem)
def test_a_mapped_file_reads_like_bytes(path: Path):
    data = path.read_bytes()
    if not data:
        return
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert scan(mapped) == scan(data)
        mapped.close()


def nested(levels: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
        for i in range(levels)
    )
    closing = b"".join(b"\r\n--b%d--" % i for i in reversed(range(levels)))
    return opening + b"\r\ndeep" + closing


def depth(part: Part) -> int:
    levels = 1
    todo = [(part, 1)]
    while todo:
        node, level = todo.pop()
        levels = max(levels, level)
        todo += [(child, level + 1) for child in node.children]
    return levels


@pytest.mark.parametrize("levels", [99, 100, 101, 1_000])
def test_depth_is_bounded_and_what_is_deeper_is_opaque(levels: int):
    data = nested(levels)
    root = scan(data)
    check_tree(data, root)
    assert depth(root) == min(levels, 100) + 1


def test_ten_thousand_nested_messages_are_bounded():
    data = b"Content-Type: message/rfc822\r\n\r\n" * 10_000
    root = scan(data)
    check_tree(data, root)
    assert depth(root) == 101
    assert root.walk()[-1].subtype == b"octet-stream"


def test_parts_are_bounded_and_the_last_one_takes_the_rest():
    data = HEAD + b"--b\r\n\r\nx\r\n" * 100 + b"--b--\r\n"
    root = scan(data, MimeLimits(parts=10))
    check_tree(data, root)
    assert len(root.walk()) == 10
    assert root.children[-1].size > 80 * 9


def test_headers_are_looked_into_up_to_a_limit():
    limits = MimeLimits(header=100)
    data = b"X: " + b"y" * 200 + b"\r\nContent-Type: text/html\r\n\r\nbody"
    root = scan(data, limits)
    assert (root.subtype, root.whole_header) == (b"plain", False)
    assert data[root.body :] == b"body"


def test_all_headers_together_are_bounded():
    part = b"--b\r\nX: yyyyyyyyyy\r\nContent-Type: text/html\r\n\r\nx\r\n"
    root = scan(HEAD + part * 10, MimeLimits(headers=200))
    found = [child.subtype for child in root.children]
    assert found == [b"html"] * 3 + [b"plain"] * 7


def test_impossible_limits_are_refused():
    with pytest.raises(ValueError, match="parts"):
        MimeLimits(parts=1 << 16)
    with pytest.raises(ValueError, match="depth"):
        MimeLimits(depth=1_000)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: HEAD + b"--b\r\n" * n,
        lambda n: HEAD + b"--b\r\nX: y\r\n\r\n" * n,
        lambda n: HEAD + b"\n--x" * n,
        lambda n: HEAD + b"\n--" + b"x" * n,
        lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n,
        lambda n: nested(n // 10),
        lambda n: b"A: b\r\n" * n,
        lambda n: b"\n--".join([b"Content-Type: multipart/mixed; boundary=b"] * n),
        lambda n: b"a" * 10 * n,
        lambda n: b"Content-Type: text/plain" + b"; x*1*=a" * n + b"\r\n\r\n",
        lambda n: b"Content-Type: text/plain" + b";" * n + b"\r\n\r\n",
        lambda n: b"Content-Type: text/plain; x=" + b'"\\' * n + b"\r\n\r\n",
        lambda n: b"Content-Type: message/rfc822\n\n" * 99 + b"line\n" * n,
        lambda n: HEAD + (b"--b\r\n" + HEAD) * (n // 20),
    ],
)
def test_the_work_is_linear(make):
    assert grows_linearly(lambda n: scan(make(n)), 20_000)


@given(messages())
def test_pieces_make_no_difference(data: bytes):
    with pytest.MonkeyPatch.context() as patch:
        whole = scan(data)
        for size in (3, 7, 64):
            patch.setattr("mailstore.mime.scanner._CHUNK", size)
            assert scan(data) == whole


class Watched(bytes):
    """Octets that tell what of their pieces was copied without line ends."""

    copied: list[int]

    def __getitem__(self, key):
        piece = Watched(super().__getitem__(key))
        piece.copied = self.copied
        return piece

    def replace(self, old, new, count=-1):
        self.copied.append(len(self))
        return super().replace(old, new, count)


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"\n",
        b"x" * 200_000,
        b"\n" * 100_000,
        (b"x" * 76 + b"\r\n") * 3_000,
        (b"x" * 76 + b"\r\n") * 1_000 + b"\n" * 100_000,
        b"\n" * 40_000 + (b"x" * 76 + b"\r\n") * 1_000,
        (b"x" * 30_000 + b"\n" * 3_000) * 6,
    ],
)
def test_lines_are_counted_however_long_they_are(tmp_path, lines):
    for start in (0, 1, 77, 40_000):
        for end in (len(lines), len(lines) - 1, 4_000):
            wanted = lines[: max(end, 0)].count(b"\n", start)
            assert count_lines(lines, start, max(end, start)) == wanted
    if lines:
        path = tmp_path / "lines"
        path.write_bytes(lines)
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            assert count_lines(mapped, 0, len(lines)) == lines.count(b"\n")


def test_many_line_ends_are_taken_out_of_one_piece_at_most():
    """That costs ten times as much as counting where a line has one octet."""
    hostile = Watched((b"x" * 300 + b"\n" * 32_468) * 20)
    hostile.copied = []
    assert count_lines(hostile, 0, len(hostile)) == 20 * 32_468
    assert len(hostile.copied) == 1
