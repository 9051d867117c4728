"""What a session takes of its client's octets: how long lines, and which literals."""

from __future__ import annotations

from functools import lru_cache

from imapd.session.context import Context
from imapd.session.dispatch import check_state, find_spec, read_head
from imapd.session.faults import Bad, Bye, No
from imapd.session.limits import Limits
from imapd.wire.framing import Frame, FrameLimits, LiteralAnnounced, LiteralSink

_framing = lru_cache(maxsize=16)(FrameLimits)


def frame_limits(limits: Limits, *, logged_in: bool) -> FrameLimits:
    """Give the bounds of a command."""
    line = limits.command_line if logged_in else limits.command_line_before_login
    return _framing(line, limits.literal_discard)


def plain_line(event: Frame | LiteralAnnounced) -> bytes:
    """Give a line in the middle of a command, which is no command itself.

    Raises `Bad` when it is no plain line, `Bye` when it is hostile.
    """
    if isinstance(event, LiteralAnnounced):
        # Nobody but a defective or hostile client sends a literal here.
        raise Bye("a plain line was wanted, not a literal")
    if event.poison is not None:
        if event.poison.fatal:
            raise Bye(event.poison.text)
        raise Bad(event.poison.text)
    if event.literals:
        raise Bad("a plain line was wanted, not a literal")
    return event.text


async def literal_sink(context: Context, event: LiteralAnnounced) -> LiteralSink | None:
    """Decide about a literal before its octets are taken (RFC 3501 §4.3).

    Gives where it goes, or None: into memory.
    Raises a `Fault` that refuses it, and store errors.
    """
    head = read_head(event.text)
    if head is None:
        raise Bad("a command begins with a tag and a space")
    session, registry = context.session, context.registry
    spec = find_spec(registry, head)
    check_state(spec, session.state)
    unasked = registry.unasked_literal
    if unasked is not None and event.size > unasked and not event.synchronizing:
        raise Bad(f"ask before a literal of more than {unasked} octets", "TOOBIG")
    if spec.literal_policy is not None:
        return await spec.literal_policy(context, event)
    limits = context.services.limits()
    logged_in = session.account is not None
    most = limits.literal if logged_in else limits.literal_before_login
    total = event.size + sum(literal.size for literal in event.literals)
    if total > most:
        raise No(f"a literal here may have {most} octets at most", "TOOBIG")
    return None
