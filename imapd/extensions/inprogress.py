"""INPROGRESS: how far a long command is (RFC 9585).

::

    resp-text-code  =/ "INPROGRESS" SP "(" (quoted / NIL) SP (number / NIL) SP
                       (nz-number / NIL) ")"

    A001 SEARCH BODY "invoice"
    * OK [INPROGRESS ("A001" 454 1000)] still at work

A client that waits sees that the server lives. Searches and FETCH tell how far they
are; what is done in one step, as COPY, that it is at work.
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import Capability, Feature
from imapd.wire.encode import string

_EVERY = 10.0  # seconds: below that nobody wonders, and each costs a client's battery
_MOST = 0xFFFF_FFFF


def tell(context: Context, done: int, total: int) -> None:
    """Say it if the client has heard nothing for long; counts that are unknown are NIL.

    It is called where no response is half written, so that this stands between them.
    """
    now = context.services.runtime.monotonic()
    if now - context.heard < _EVERY:
        return
    context.heard = now
    known = 0 <= done <= total <= _MOST and total > 0
    counts = b"%d %d" % (done, total) if known else b"NIL NIL"
    code = b"INPROGRESS (%b %b)" % (string(context.tag), counts)
    context.reply.untagged(context.status(b"OK", "still at work", code.decode("ascii")))
    context.reply.flush()


FEATURE = Feature(
    name="INPROGRESS",
    rfc=("9585",),
    capabilities=(Capability("INPROGRESS"),),
    progress=(tell,),
)
