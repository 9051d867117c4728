import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime import address
from mailstore.mime.address import MAX_ADDRESSES, Address, parse_addresses
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.mime.strategies import values

END = Address(None, None, None, None)


def one(name: str | None, mailbox: str, host: str, route: str | None = None) -> Address:
    return Address(
        None if name is None else name.encode(),
        None if route is None else route.encode(),
        mailbox.encode(),
        host.encode(),
    )


def group(name: str) -> Address:
    return Address(None, None, name.encode(), None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", []),
        ("a@b.c", [one(None, "a", "b.c")]),
        ("<a@b.c>", [one(None, "a", "b.c")]),
        ("A  B <a@b.c>", [one("A B", "a", "b.c")]),
        ('"A, B" <a@b.c>, d@e', [one("A, B", "a", "b.c"), one(None, "d", "e")]),
        (r'"A \"q\" \\ B" <a@b>', [one(r'A "q" \ B', "a", "b")]),
        ("=?utf-8?Q?J=C3=B6rg?= <a@b>", [one("=?utf-8?Q?J=C3=B6rg?=", "a", "b")]),
        ("a@b (Name)", [one("Name", "a", "b")]),
        ("A <a@b> (Other)", [one("A", "a", "b")]),
        ("a@b (Ada (the first) Byron)", [one("Ada (the first) Byron", "a", "b")]),
        ("a(x)@(y)b", [one("x", "a", "b")]),
        ('"a b"@c', [one(None, "a b", "c")]),
        ('"a\\"b"@c', [one(None, 'a"b', "c")]),
        ("a@[127.0.0.1]", [one(None, "a", "[127.0.0.1]")]),
        ("a . b @ c . d", [one(None, "a.b", "c.d")]),
        ("<@x,@y:a@b>", [one(None, "a", "b", "@x,@y")]),
        ("N <@x:a@b>, c@d", [one("N", "a", "b", "@x"), one(None, "c", "d")]),
        # groups: RFC 5322 §A.1.3
        ("G:a@b,C <c@d>;", [group("G"), one(None, "a", "b"), one("C", "c", "d"), END]),
        ("undisclosed-recipients:;", [group("undisclosed-recipients"), END]),
        ("A Group : a@b ; , c@d", [
            group("A Group"), one(None, "a", "b"), END, one(None, "c", "d")]),
        ("Open: a@b", [group("Open"), one(None, "a", "b"), END]),
        ("G:H:a@b;", [group("G"), one(None, "Ha", "b"), END]),
        # the wild
        ("a@b; c@d", [one(None, "a", "b"), one(None, "c", "d")]),
        (",,a@b,,", [one(None, "a", "b")]),
        ("Bob Smith b@c", [one("Bob Smith", "b", "c")]),
        ("b@c Bob Smith", [one("Bob Smith", "b", "c")]),
        ("<a@b", [one(None, "a", "b")]),
        ("A <a@b, C <c@d>", [one("A", "a", "b"), one("C", "c", "d")]),
        ("<<a@b>>", [one(None, "a", "b")]),
        ("<a@b> <c@d>", [one(None, "a", "b"), one(None, "c", "d")]),
        ("a@b@c", [one(None, "a@b", "c")]),
        ("Name only", [one(None, "Name only", "")]),
        ("<>", [one(None, "", "")]),
        ("@", [one(None, "", "")]),
        ("<@>", [one(None, "", "")]),
        ("(comment only)", []),
        ('"Unclosed <a@b>', [one("Unclosed", "a", "b")]),
        ("(unclosed <a@b>", [one("unclosed", "a", "b")]),
        ("[list] Name <a@b>", [one("[list] Name", "a", "b")]),
        ("[unclosed <a@b>", [one("[unclosed", "a", "b")]),
        ("jörg@exämple", [one(None, "jörg", "exämple")]),
        ("a@b\r\n ,\r\n c@d", [one(None, "a", "b"), one(None, "c", "d")]),
        (";", []),
        (">", []),
    ],
)  # fmt: skip
def test_address_lists(value: str, found: list[Address]):
    assert parse_addresses(value.encode()) == found


@given(values)
def test_any_list_gives_a_valid_structure(value: bytes):
    in_group = False
    for name, route, mailbox, host in parse_addresses(value):
        if host is None:
            assert name is None
            assert route is None
            assert in_group is (mailbox is None)
            in_group = mailbox is not None
        else:
            assert mailbox is not None
        assert name != b""
    assert not in_group


_ATOMS = st.text("ab.=?!1é", min_size=1).map(str.encode)


@st.composite
def common(draw: st.DrawFn) -> bytes:
    name, local, host = draw(_ATOMS | st.just(b"")), draw(_ATOMS), draw(_ATOMS)
    if not name:
        return b"%b@%b" % (local, host)
    return draw(st.sampled_from([b'"%b" <%b@%b>', b"%b <%b@%b>"])) % (name, local, host)


@given(st.lists(common(), max_size=5))
def test_the_common_case_is_read_as_the_general_one(addresses: list[bytes]):
    value = b", ".join(addresses)
    quick = parse_addresses(value)
    assert quick == address._Parser([]).run(value)
    assert len(quick) == len(addresses)


def test_addresses_are_bounded():
    assert len(parse_addresses(b"a@b," * 500_000)) == MAX_ADDRESSES
    assert len(parse_addresses(b"a (c)@b," * 500_000)) == MAX_ADDRESSES
    assert len(parse_addresses(b"g:;" * 500_000)) <= MAX_ADDRESSES + 1


def test_pieces_are_bounded():
    (found,) = parse_addresses(b"n" * 5_000 + b" <" + b"m" * 5_000 + b"@h>")
    assert found == Address(b"n" * 1_000, None, b"m" * 1_000, b"h")


@pytest.mark.parametrize(
    "unit",
    [
        b"a@b,", b"(", b")", b"()", b"<", b"<@", b"<@a,", b'"', b'\\"', b'"\\"', b"a ",
        b"a:", b"[", b"@", b":;", b"a@b (c) ", b"a. ", b"\\", b" ", b"\x00", b".", b";",
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", [b"", b"<", b"<@", b'"', b"("])
def test_the_work_is_linear(start: bytes, unit: bytes):
    assert grows_linearly(lambda n: parse_addresses(start + unit * n), 1_500)
