"""The PROXY protocol's header: known answers, refusals, cut anywhere, any octets."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net.proxy_header import (
    ProxyHeader,
    ProxyHeaderError,
    crc32c,
    read_header,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
SOURCE, DESTINATION = ("192.0.2.7", 51_000), ("198.51.100.1", 143)


def field(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def binary(
    source=SOURCE, destination=DESTINATION, fields=b"", *, command=0x21, summed=False
) -> bytes:
    """Write a header of version 2."""
    hosts = [ipaddress.ip_address(place[0]).packed for place in (source, destination)]
    family = 0x11 if len(hosts[0]) == 4 else 0x21
    block = b"".join(hosts) + struct.pack("!HH", source[1], destination[1]) + fields
    if summed:
        block += field(0x03, bytes(4))
    header = SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block
    if summed:
        header = header[:-4] + crc32c(header).to_bytes(4, "big")
    return bytes(header)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 143\r\n",
            ProxyHeader(SOURCE, DESTINATION),
        ),
        (
            b"PROXY TCP6 2001:DB8::7 ::1 0 65535\r\n",
            ProxyHeader(("2001:db8::7", 0), ("::1", 65_535)),
        ),
        (
            b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n",
            ProxyHeader(("192.0.2.7", 1), ("::1", 2)),
        ),
        (b"PROXY UNKNOWN\r\n", ProxyHeader(None, None)),
        (b"PROXY UNKNOWN ffff anything\r\n", ProxyHeader(None, None)),
        (binary(), ProxyHeader(SOURCE, DESTINATION)),
        (binary(summed=True), ProxyHeader(SOURCE, DESTINATION)),
        (
            binary(("2001:db8::7", 1), ("::1", 2)),
            ProxyHeader(("2001:db8::7", 1), ("::1", 2)),
        ),
        (binary(command=0x20), ProxyHeader(None, None)),
        (SIGNATURE + b"\x21\x00\x00\x00", ProxyHeader(None, None)),
        (SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216), ProxyHeader(None, None)),
        (
            binary(fields=field(0x20, b"\x01" + bytes(4))),
            ProxyHeader(SOURCE, DESTINATION, tls=True),
        ),
        (
            binary(fields=field(0x20, bytes(5)) + field(0x04, b"")),
            ProxyHeader(SOURCE, DESTINATION),
        ),
    ],
)
def test_known_answers(data, wanted):
    assert read_header(data) == (wanted, len(data))
    assert read_header(data + b"a1 NOOP\r\n") == (wanted, len(data))
    for cut in range(len(data)):
        assert read_header(data[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"a1 LOGIN x y\r\n",
        b"\x16\x03\x01",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n",
        b"PROXY  TCP4 192.0.2.7 198.51.100.1 51000 143\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 143 \r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
        b"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY " + b"x" * 101,
        b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
        SIGNATURE + b"\x11\x11\x00\x0c",
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x12\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\xff\xff",
        SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),
        binary(fields=b"\x01"),
        binary(fields=b"\x01\x00\x05abc"),
        binary(fields=field(0x20, b"\x01")),
        binary(fields=field(0x03, b"\x00")),
        binary(fields=field(0x03, bytes(4))),
        binary(summed=True).replace(b"\xc0\x00\x02\x07", b"\xc0\x00\x02\x08"),
    ],
)
def test_refusals(data):
    with pytest.raises(ProxyHeaderError):
        read_header(data)


def test_the_check_value_of_crc_32c():
    assert crc32c(b"123456789") == 0xE3069283


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda rest: b"PROXY " + rest),
        st.binary(max_size=100).map(lambda rest: SIGNATURE + rest),
    )
)
def test_any_octets(data):
    try:
        found = read_header(data)
    except ProxyHeaderError:
        return
    if found is None:
        assert len(data) < 16 + 4_096
    else:
        assert 0 < found[1] <= len(data)


ADDRESS = st.ip_addresses(v=4).map(str)
PLACE = st.tuples(ADDRESS, st.integers(0, 65_535))


@given(PLACE, PLACE, st.booleans())
def test_what_is_written_is_read(source, destination, summed):
    data = binary(source, destination, summed=summed)
    assert read_header(data) == (ProxyHeader(source, destination), len(data))
