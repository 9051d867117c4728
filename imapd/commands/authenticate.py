"""AUTHENTICATE (RFC 3501 §6.2.2), with an initial response (RFC 4959).

::

    authenticate    = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
    initial-resp    =  (base64 / "=")

    C: a001 AUTHENTICATE PLAIN
    S: +
    C: dGVzdAB0ZXN0AHRlc3Q=
    S: a001 OK AUTHENTICATE completed

It must not know mechanisms: those are exchanges of `imapd.auth`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.credentials import (
    Challenge,
    Exchange,
    Grant,
    MalformedExchange,
)
from imapd.session.faults import Bad, No
from imapd.session.login import check_may_login, enter, proved
from imapd.session.mechanisms import MECHANISMS
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.syntax.secret import Secret
from imapd.wire import abnf
from imapd.wire.cursor import Cursor

_ROUNDS = 10  # no mechanism has more


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Begin a SASL exchange; ``initial`` is decoded, None if there is none."""

    mechanism: str
    initial: Secret | None = None


def parse(cursor: Cursor, _: Registry) -> Authenticate:
    """Take the arguments of AUTHENTICATE. Raises `Malformed`."""
    cursor.sp()
    mechanism = cursor.atom().decode("ascii").upper()
    initial = None
    if cursor.peek() == b" ":
        cursor.sp()
        initial = Secret(_initial(cursor))
    cursor.end()
    return Authenticate(mechanism, initial)


def _initial(cursor: Cursor) -> bytes:
    if cursor.accept(b"="):
        return b""  # RFC 4959 §3: a response that is there, and empty
    start = cursor.at
    text = cursor.need(abnf.base64, "a base64 response")[0]
    if not text:
        cursor.at = start
        raise cursor.fail("a base64 response")
    return base64.b64decode(text)


def unparse(node: Authenticate) -> bytes:
    """Write the command as a client would."""
    text = b"AUTHENTICATE " + node.mechanism.encode("ascii")
    if node.initial is None:
        return text
    return text + b" " + (base64.b64encode(node.initial.reveal()) or b"=")


async def run(context: Context, node: Authenticate) -> Completed:
    """Run the exchange. Raises `No` and `Bad` as the mechanism's outcome wants."""
    check_may_login(context)
    try:
        exchange = context.services.authenticator.exchange(
            node.mechanism, context.client
        )
    except KeyError:
        raise No("there is no such mechanism here") from None
    initial = None if node.initial is None else node.initial.reveal()
    grant = await _converse(context, exchange, initial)
    return await enter(context, grant, "AUTHENTICATE")


async def _converse(
    context: Context, exchange: Exchange, response: bytes | None
) -> Grant:
    for _ in range(_ROUNDS):
        try:
            outcome = await proved(context, exchange.step(response))
        except MalformedExchange as error:
            raise No(str(error), "AUTHENTICATIONFAILED") from None
        if not isinstance(outcome, Challenge):
            return outcome
        line = await context.challenge(base64.b64encode(outcome.data))
        if line == b"*":
            raise Bad("AUTHENTICATE was cancelled")  # RFC 3501 §6.2.2
        try:
            response = base64.b64decode(line, validate=True)
        except binascii.Error:
            raise Bad("the response is not base64") from None
    raise No("the exchange does not end", "AUTHENTICATIONFAILED")


def _mechanism(name: str) -> Capability:
    return Capability(f"AUTH={name}", lambda session: name in session.mechanisms)


FEATURE = Feature(
    name="AUTHENTICATE",
    rfc=("3501", "4422"),
    capabilities=tuple(_mechanism(name) for name in MECHANISMS),
    commands=(
        CommandSpec(
            name="AUTHENTICATE",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.NOT_AUTHENTICATED,
            rfc="RFC 3501 §6.2.2",
            effects=Effects.ARGUMENTS_SECRET | Effects.NO_SYNC,
        ),
    ),
)
