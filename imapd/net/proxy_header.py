"""The PROXY protocol's header, versions 1 and 2 (HAProxy's proxy-protocol.txt).

A load balancer says by it who really connects. Without a connection: bytes in, header
out. Strict, since only balancers that the configuration trusts may speak it::

    PROXY TCP4 192.0.2.7 198.51.100.1 51000 143\\r\\n
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LONGEST_LINE = 107  # §2.1
_LONGEST_BLOCK = 4_096
_HEAD = 16  # octets of version 2 before the addresses
_LINE = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})")
_CRC32C, _SSL = 0x03, 0x20
_CLIENT_SSL = 0x01

Place = tuple[str, int]


class ProxyHeaderError(Exception):
    """It is no header; the text says why."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """Who connects, and to where; None: the balancer itself (health checks).

    ``tls``: the client speaks TLS, which the balancer has taken off.
    """

    source: Place | None
    destination: Place | None
    tls: bool = False


def read_header(data: bytes) -> tuple[ProxyHeader, int] | None:
    """Give the header and how many octets it took; None: there must be more.

    Raises `ProxyHeaderError` as soon as no header can come of it.
    """
    if data.startswith(_SIGNATURE) or _SIGNATURE.startswith(data):
        return _read_binary(data)
    if data[:6] != b"PROXY "[: len(data[:6])]:
        raise ProxyHeaderError("this is no PROXY header")
    line, end, _ = data.partition(b"\r\n")
    if not end:
        if len(data) >= _LONGEST_LINE:
            raise ProxyHeaderError("the line is too long")
        return None
    if len(line) + 2 > _LONGEST_LINE:
        raise ProxyHeaderError("the line is too long")
    return _read_line(line), len(line) + 2


def _read_line(line: bytes) -> ProxyHeader:
    """Read a line of version 1 (§2.1)."""
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return ProxyHeader(None, None)  # the receiver must ignore the rest
    match = _LINE.fullmatch(line)
    if match is None:
        raise ProxyHeaderError("the line is malformed")
    version = 4 if match[1] == b"TCP4" else 6
    places = []
    for host, port in ((match[2], match[4]), (match[3], match[5])):
        try:
            address = ipaddress.ip_address(host.decode("ascii"))
        except ValueError:
            raise ProxyHeaderError("an address is malformed") from None
        if address.version != version or int(port) > 65_535:
            raise ProxyHeaderError("an address doesn't fit its family")
        places.append((_shown(address), int(port)))
    return ProxyHeader(places[0], places[1])


def _shown(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ProxyHeaderError("an address has a zone")
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)


def _read_binary(data: bytes) -> tuple[ProxyHeader, int] | None:
    """Read a header of version 2 (§2.2)."""
    if len(data) < _HEAD:
        return None
    version, family, length = struct.unpack_from("!BBH", data, len(_SIGNATURE))
    if version not in (0x20, 0x21):
        raise ProxyHeaderError("version or command is unknown")
    if length > _LONGEST_BLOCK:
        raise ProxyHeaderError("the header is too long")
    end = _HEAD + length
    if len(data) < end:
        return None
    if version == 0x20:  # LOCAL: the balancer's own connection
        return ProxyHeader(None, None), end
    source, destination, at = _addresses(family, data[_HEAD:end])
    tls = False
    for kind, value, start in _fields(data, _HEAD + at, end):
        if kind == _SSL:
            if len(value) < 5:
                raise ProxyHeaderError("the TLS field is too short")
            tls = bool(value[0] & _CLIENT_SSL)
        elif kind == _CRC32C:
            _check_sum(data[:end], value, start)
    return ProxyHeader(source, destination, tls), end


def _addresses(family: int, block: bytes) -> tuple[Place | None, Place | None, int]:
    """Read the address block; gives its length too."""
    sizes = {0x11: 12, 0x21: 36, 0x31: 216, 0x00: 0}
    size = sizes.get(family)
    if size is None:
        raise ProxyHeaderError("the address family is unknown")
    if len(block) < size:
        raise ProxyHeaderError("the addresses are cut off")
    if family not in (0x11, 0x21):
        return None, None, size
    each = 4 if family == 0x11 else 16
    ports = struct.unpack_from("!HH", block, 2 * each)
    hosts = block[:each], block[each : 2 * each]
    places = [
        (_shown(ipaddress.ip_address(host)), port)
        for host, port in zip(hosts, ports, strict=True)
    ]
    return places[0], places[1], size


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Walk the fields behind the addresses (§2.2.1..): kind, value, its place."""
    while at < end:
        if end - at < 3:
            raise ProxyHeaderError("a field is cut off")
        kind, length = struct.unpack_from("!BH", data, at)
        at += 3
        if at + length > end:
            raise ProxyHeaderError("a field is cut off")
        yield kind, data[at : at + length], at
        at += length


def _check_sum(header: bytes, value: bytes, at: int) -> None:
    """Compare the checksum, counted with its own octets as zero (§2.2.3)."""
    if len(value) != 4:
        raise ProxyHeaderError("the checksum has four octets")
    blank = header[:at] + bytes(4) + header[at + 4 :]
    if crc32c(blank) != int.from_bytes(value, "big"):
        raise ProxyHeaderError("the checksum is wrong")


def _table() -> tuple[int, ...]:
    found = []
    for octet in range(256):
        value = octet
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return tuple(found)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Give the CRC-32C of RFC 9260 Appendix A."""
    value = 0xFFFFFFFF
    for octet in data:
        value = value >> 8 ^ _TABLE[(value ^ octet) & 0xFF]
    return value ^ 0xFFFFFFFF
