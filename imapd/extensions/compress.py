"""COMPRESS=DEFLATE: fewer octets for slow lines (RFC 4978).

::

    compress        = "COMPRESS" SP algorithm

    C: c COMPRESS DEFLATE
    S: c OK DEFLATE active

Everything behind that OK's line end is compressed, in both directions
(`imapd.net.compress`). Bytes that came behind the command, before its answer, can't
be of a client that keeps to §3: it is told so, and the connection stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Compress:
    """Compress by an algorithm; there is one."""

    algorithm: str = "DEFLATE"


def parse(cursor: Cursor, _: Registry) -> Compress:
    """Take the argument of COMPRESS. Raises `Malformed`."""
    cursor.sp()
    start = cursor.at
    if cursor.atom().upper() != b"DEFLATE":
        cursor.at = start
        raise cursor.fail("DEFLATE")
    cursor.end()
    return Compress()


def unparse(node: Compress) -> bytes:
    """Write the command as a client would."""
    return b"COMPRESS " + node.algorithm.encode("ascii")


async def run(context: Context, node: Compress) -> Completed:
    """Agree to compress, behind the OK. Raises `No` when it is so already, `Bad`."""
    if context.session.compressed:
        raise No("DEFLATE is active already", "COMPRESSIONACTIVE")
    if context.input.buffered:
        raise Bad("COMPRESS: nothing may follow it before its answer")
    return Completed(f"{node.algorithm} active", then=context.start_compression)


FEATURE = Feature(
    name="COMPRESS",
    rfc=("4978",),
    capabilities=(Capability("COMPRESS=DEFLATE"),),
    commands=(
        CommandSpec(
            name="COMPRESS",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 4978 §3",
            effects=Effects.NO_SYNC,
        ),
    ),
)
