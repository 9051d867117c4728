"""The specs that a feature hands in for messages that a command brings.

Options and kinds of data are open unions: APPEND and its kin know only these ports. How
they are read, and what becomes of them, is `imapd.session.append_program`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from imapd.wire.cursor import Cursor
from mailstore.model import Arrival

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.registry import Registry


class AppendData(Protocol):
    """Where a new message's octets come from; a frozen value (RFC 4466 §3)."""

    def unparse(self) -> bytes:
        """Write the data as a client would."""
        ...

    async def arrive(self, context: Context, mailbox: str, /) -> Arrival:
        """Give the message for a mailbox, without its flags and date.

        Raises `No`, store errors.

        What it made of the disk is its caller's to free (`MessageSink.abort`).
        """
        ...


@dataclass(frozen=True, slots=True)
class AppendDataSpec:
    """A kind of data by the word (or ``~``) that begins it; ``parse`` is behind that.

    ``brings_content`` tells, of a command's text that ends in the announcement of a
    literal within the data, whether that is content or some small argument.
    """

    name: str
    parse: Callable[[Cursor, Registry], AppendData]
    rfc: str
    brings_content: Callable[[bytes], bool] = lambda _: True


class AppendOption(Protocol):
    """What else is said of a new message, behind flags and date (RFC 4466 §3)."""

    def unparse(self) -> bytes:
        """Write the option as a client would, its name included."""
        ...

    def enrich(self, arrival: Arrival, /) -> Arrival:
        """Give the message with what the option says of it. Raises `No`."""
        ...


@dataclass(frozen=True, slots=True)
class AppendOptionSpec:
    """An option's name and grammar; ``parse`` begins behind the name."""

    name: str
    parse: Callable[[Cursor, Registry], AppendOption]
    rfc: str
