"""Passwords: their one form, bcrypt's hash, the keys of SCRAM."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stringprep
import unicodedata
from dataclasses import dataclass, field

import bcrypt

from mailstore.errors import NotPermitted

MOST = 1024  # octets
SCRAM_HASHES = ("SHA-256", "SHA-1")
"""The hashes for which keys can be made, best first (RFC 7677, RFC 5802)."""

_NAMES = {"SHA-256": "sha256", "SHA-1": "sha1"}
_BCRYPT_READS = 72  # octets; the rest of a longer password would not count


def prepared(password: bytes) -> bytes:
    """Give what bcrypt is to read of a password. Raises `NotPermitted`.

    Unicode is brought to one form (RFC 8265 §4.2, OpaqueString); what bcrypt would
    cut off, beyond 72 octets, is hashed first so that all of it counts.
    """
    octets = _one_form(password)
    if len(octets) <= _BCRYPT_READS:
        return octets
    digest = hmac.new(b"imapd password", octets, hashlib.sha256).digest()
    return base64.b64encode(digest)


def _one_form(password: bytes) -> bytes:
    if not password or len(password) > MOST:
        raise NotPermitted(f"a password has 1 to {MOST} octets")
    if 0 in password:
        raise NotPermitted("a password has no NUL byte")
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        return password
    spaces = "".join(
        " " if unicodedata.category(char) == "Zs" else char for char in text
    )
    return unicodedata.normalize("NFC", spaces).encode("utf-8")


def hashed(octets: bytes, cost: int) -> str:
    """Hash what `prepared` gave. Slow on purpose."""
    return bcrypt.hashpw(octets, bcrypt.gensalt(cost)).decode("ascii")


def matches(octets: bytes, hash_: str) -> bool:
    """Compare what `prepared` gave with a hash. As slow as making it."""
    return bcrypt.checkpw(octets, hash_.encode("ascii"))


def cost_of(hash_: str) -> int:
    """Give the cost that a hash was made with."""
    return int(hash_.split("$")[2])


# -- SCRAM


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What is kept of a password for SCRAM (RFC 5802 §3)."""

    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


def scram_keys(password: bytes, salt: bytes, iterations: int, hash_: str) -> ScramKeys:
    """Make the keys of a password. As slow as the iterations. Raises `NotPermitted`."""
    name = _NAMES[hash_]
    salted = hashlib.pbkdf2_hmac(name, scram_form(password), salt, iterations)
    client = hmac.new(salted, b"Client Key", name).digest()
    return ScramKeys(
        stored=hashlib.new(name, client).digest(),
        server=hmac.new(salted, b"Server Key", name).digest(),
    )


def scram_form(password: bytes) -> bytes:
    """Give a password as clients salt it (RFC 5802 §2.2, Normalize).

    What SASLprep forbids is taken as it is: so do the clients that allow it at all.
    """
    one_form = _one_form(password)
    try:
        return saslprep(password.decode("utf-8")).encode("utf-8")
    except ValueError:
        return one_form


def saslprep(text: str) -> str:
    """Prepare a stored string (RFC 4013). Raises `ValueError`."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in text
        if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not normal:
        raise ValueError("nothing is left")
    for char in normal:
        if any(forbids(char) for forbids in _FORBIDDEN):
            raise ValueError("a character is not allowed")
    right = [char for char in normal if stringprep.in_table_d1(char)]
    if right:  # RFC 3454 §6
        if any(stringprep.in_table_d2(char) for char in normal):
            raise ValueError("both directions of writing")
        ends = (normal[0], normal[-1])
        if not all(stringprep.in_table_d1(char) for char in ends):
            raise ValueError("right to left at both ends, or nowhere")
    return normal


# RFC 4013 §2.3 and §2.5
_FORBIDDEN = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
