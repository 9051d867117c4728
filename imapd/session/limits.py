"""Every limit of a session in one table, each with the reason for its default.

The defaults suit production; an administrator changes them under ``[limits]``.
A limit's documentation is its field's metadata: the reference page is made of it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


def _limit(default: int, unit: str, reason: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(default=default, metadata={"unit": unit, "reason": reason})


UNBOUNDED = 4_294_967_295
"""No mailbox has more messages than that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that keep one client from harming the others."""

    command_line: int = _limit(
        65_536,
        "octets",
        "a command without its literals; clients send sets of thousands of UIDs",
    )
    command_line_before_login: int = _limit(
        8_192, "octets", "a stranger needs no more than a SASL response"
    )
    literal: int = _limit(
        131_072, "octets", "a literal that is no message: names, search strings"
    )
    literal_before_login: int = _limit(
        4_096, "octets", "a user name or a password, from somebody unknown"
    )
    message: int = _limit(
        67_108_864, "octets", "one message in APPEND; what most MTAs take, doubled"
    )
    literal_discard: int = _limit(
        134_217_728,
        "octets",
        "a refused non-synchronizing literal is read and dropped up to this size; "
        "beyond it the connection ends (RFC 7888 §4)",
    )
    search_keys: int = _limit(1_000, "keys", "more only costs time")
    search_seconds: int = _limit(
        30, "seconds", "of a processor for one search; it ends with NO [LIMIT]"
    )
    search_mailboxes: int = _limit(
        10_000, "mailboxes", "in one ESEARCH (RFC 7377); as many as an account may have"
    )
    search_updates: int = _limit(
        16,
        "searches",
        "kept up to date in a session (RFC 5267); each change is looked at for each",
    )
    message_limit: int = _limit(
        UNBOUNDED,
        "messages",
        "that one command may be about (RFC 9738); programs that don't know of it see "
        "a part of large mailboxes alone, so that there is no bound by default",
    )
    save_limit: int = _limit(
        UNBOUNDED, "messages", "that one COPY or APPEND may make (RFC 9738)"
    )
    fetch_items: int = _limit(100, "items", "there are not that many items")
    bad_commands_before_login: int = _limit(
        3, "commands", "another protocol's client gives itself away quickly"
    )
    bad_commands: int = _limit(20, "commands", "a broken client should not loop")
    login_seconds: int = _limit(60, "seconds", "from connecting to being logged in")
    handshake_seconds: int = _limit(
        30, "seconds", "from connecting to the end of the TLS handshake"
    )
    handshakes: int = _limit(
        500,
        "connections",
        "in the middle of a TLS handshake, per worker process; the oldest goes first",
    )
    idle_seconds: int = _limit(
        1_800, "seconds", "the least that RFC 3501 §5.4 allows for an autologout"
    )
    pop3_idle_seconds: int = _limit(
        600, "seconds", "the least that RFC 1939 §3 allows for an autologout"
    )
    idle_heartbeat_seconds: int = _limit(
        240,
        "seconds",
        "an untagged OK in IDLE keeps address translators awake; rare, for batteries",
    )
    connections: int = _limit(10_000, "connections", "in all, per worker process")
    connections_unauthenticated: int = _limit(
        1_000, "connections", "strangers may not crowd out people; per worker process"
    )
    connections_per_account: int = _limit(
        100, "connections", "several programs with several connections each"
    )
    connections_per_address: int = _limit(
        200, "connections", "offices share one address"
    )
    output_buffer: int = _limit(
        8_388_608, "octets", "unread answers held before reading from the client stops"
    )
    output_stuck_seconds: int = _limit(
        60, "seconds", "a client that takes nothing for so long is gone"
    )
    input_buffer: int = _limit(
        65_536, "octets", "pipelined commands read ahead while one is running"
    )
    login_failures: int = _limit(5, "failures", "then the connection ends")
    transfer_line: int = _limit(
        4_096, "octets", "a command of LMTP or SMTP; RFC 5321 wants 512 and more"
    )
    recipients: int = _limit(
        1_000,
        "recipients",
        "of one message by LMTP or SMTP, each account counts that an address leads to; "
        "RFC 5321 wants 100",
    )
    transfer_errors: int = _limit(
        20, "errors", "in LMTP or SMTP, among them recipients that SMTP refused"
    )
    transfer_commands: int = _limit(
        1_000, "commands", "of LMTP or SMTP that lead to no message"
    )
    transfer_idle_seconds: int = _limit(
        300, "seconds", "without an octet in LMTP or SMTP (RFC 5321 §4.5.3.2.7)"
    )
    transfer_seconds: int = _limit(
        3_600, "seconds", "from MAIL to the end of the message"
    )
    hops: int = _limit(
        100, "servers", "that a message came through; more are a loop (RFC 5321 §6.3)"
    )

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"limits.{spec.name} must be a whole number above 0")
