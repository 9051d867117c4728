"""SCRAM (RFC 5802, RFC 7677) with and without channel binding (RFC 9266, RFC 5929).

::

    C: n,,n=user,r=CNONCE
    S: r=CNONCE SNONCE,s=SALT,i=ITERATIONS
    C: c=biws,r=CNONCE SNONCE,p=PROOF
    S: v=SIGNATURE
    C: (empty)

The server keeps StoredKey and ServerKey, never the password. A person may have
several secrets (app passwords) under one salt: whichever the proof fits is the one.
Nobody gets a salt like everybody, always the same for one name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from imapd.auth.desk import Desk
from imapd.auth.messages import bounded, gs2_header, saslname, text
from imapd.session.credentials import Challenge, Client, Grant, MalformedExchange
from mailstore.directory import Proof, ScramOffer

_MOST = 4_096  # octets of a message
_HASHES = {"SHA-1": "sha1", "SHA-256": "sha256"}
# `printable` of RFC 5802 §7; a mandatory extension (m=) is none that we know.
_FIRST = re.compile(r"n=([^,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\x00]+)*")
_FINAL = re.compile(
    r"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,[A-Za-oq-z]=[^,\x00]+)*)"
    r",p=([A-Za-z0-9+/=]+)"
)
_LONGEST_NONCE = 512


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the first round has settled."""

    name: str
    authorize_as: str | None
    nonce: str
    signed: str  # client-first-message-bare "," server-first-message
    binding: bytes  # what c= must say, decoded
    offer: ScramOffer


class Scram:
    """One exchange. ``plus``: the mechanism that wants a channel binding."""

    def __init__(
        self, desk: Desk, client: Client, hash_: str, *, plus: bool, plus_offered: bool
    ) -> None:
        self._desk = desk
        self._client = client
        self._hash = hash_
        self._plus = plus
        self._plus_offered = plus_offered
        self._begun: _Begun | None = None
        self._proof: Proof | None = None

    async def step(self, response: bytes | None) -> Challenge | Grant:
        """Take the client's next message."""
        if response is None:
            return Challenge(b"")
        message = bounded(response, _MOST)
        if self._begun is None:
            return await self._first(text(message, "message", _MOST))
        if self._proof is None:
            return self._final(text(message, "message", _MOST), self._begun)
        if message:
            raise MalformedExchange("nothing more was asked for")
        begun = self._begun
        return self._desk.admit(
            begun.name, self._proof, begun.authorize_as, self._client, self._mechanism
        )

    @property
    def _mechanism(self) -> str:
        return f"SCRAM-{self._hash}-PLUS" if self._plus else f"SCRAM-{self._hash}"

    async def _first(self, message: str) -> Challenge:
        header, flag, binding_type, authorize_as = gs2_header(message)
        bound = self._bound(flag, binding_type)
        bare = message[len(header) :]
        match = _FIRST.fullmatch(bare)
        if match is None or len(match[2]) > _LONGEST_NONCE:
            raise MalformedExchange("the message is not SCRAM's first")
        name = saslname(match[1])
        await self._desk.begin(name, self._client)
        offer = self._desk.directory.scram(name, self._hash, self._client.protocol)
        nonce = match[2] + secrets.token_urlsafe(18)
        salt = base64.b64encode(offer.salt).decode("ascii")
        first = f"r={nonce},s={salt},i={offer.iterations}"
        self._begun = _Begun(
            name,
            authorize_as,
            nonce,
            f"{bare},{first}",
            header.encode("utf-8") + bound,
            offer,
        )
        return Challenge(first.encode("ascii"))

    def _bound(self, flag: str, binding_type: str | None) -> bytes:
        """Give the channel's part of c= (RFC 5802 §6)."""
        bindings: Mapping[str, bytes] = self._client.channel.bindings
        if flag == "y" and self._plus_offered:
            # The client didn't see that we offer it: somebody took it off the list.
            raise self._desk.refuse("", self._client, "channel binding was hidden")
        if (flag == "p") != self._plus:
            raise MalformedExchange("the channel binding is not as the mechanism says")
        if binding_type is None:
            return b""
        if binding_type not in bindings:
            raise MalformedExchange("there is no such channel binding here")
        return bindings[binding_type]

    def _final(self, message: str, begun: _Begun) -> Challenge:
        match = _FINAL.fullmatch(message)
        if match is None:
            raise MalformedExchange("the message is not SCRAM's final")
        unproved, binding, nonce, proof = match.groups()
        if not hmac.compare_digest(nonce.encode(), begun.nonce.encode()):
            raise self._desk.refuse(begun.name, self._client, "wrong nonce")
        if not hmac.compare_digest(_decoded(binding), begun.binding):
            raise self._desk.refuse(begun.name, self._client, "wrong channel binding")
        signed = f"{begun.signed},{unproved}".encode()
        found = _match(begun.offer, _decoded(proof), signed, _HASHES[self._hash])
        if found is None:
            raise self._desk.refuse(
                begun.name, self._client, "name and password do not match"
            )
        self._proof, signature = found
        return Challenge(b"v=" + base64.b64encode(signature))


def _match(
    offer: ScramOffer, proof: bytes, signed: bytes, hash_: str
) -> tuple[Proof, bytes] | None:
    """Give what a proof proves, and our signature (RFC 5802 §3)."""
    found = None
    for keys, what in offer.keys:
        signature = hmac.new(keys.stored, signed, hash_).digest()
        if len(proof) != len(signature):
            continue
        key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        stored = hashlib.new(hash_, key).digest()
        if hmac.compare_digest(stored, keys.stored):
            found = what, hmac.new(keys.server, signed, hash_).digest()
    return found


def _decoded(written: str) -> bytes:
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error:
        raise MalformedExchange(
            "the message is not base64 where it has to be"
        ) from None
