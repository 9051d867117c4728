"""Optional parameters of commands, and the ports that features bring them by.

RFC 4466 gives FETCH, STORE, SELECT and EXAMINE a list of parameters in parentheses.
The commands know only these ports, never a parameter's name::

    fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
    fetch-modifier  = tagged-ext-label [SP tagged-ext-val]

    a1 SELECT INBOX (CONDSTORE)
    a2 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)
    a3 UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)

All of a command's parameters are checked before any of them does something, so that
a refused command changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from imapd.session.plugs import FetchItem
from imapd.syntax.sequence import NumberSet
from imapd.wire.cursor import Cursor
from mailstore.model import MailboxId

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.state import Selected

# RFC 4466 §3: tagged-ext-label.
_LABEL = re.compile(rb"[A-Za-z_.-][A-Za-z0-9_.:-]{0,63}")


class Parameter(Protocol):
    """What all parsed parameters have; frozen values."""

    @property
    def name(self) -> str:
        """Its name, in upper case."""
        ...

    def unparse(self) -> bytes:
        """Write it as a client would."""
        ...


P = TypeVar("P", bound=Parameter)
P_co = TypeVar("P_co", bound=Parameter, covariant=True)


class ParameterSpec(Protocol[P_co]):
    """A parameter's name and grammar; ``parse`` begins behind the name."""

    @property
    def name(self) -> str:
        """Its name, in upper case."""
        ...

    @property
    def parse(self) -> Callable[[Cursor], P_co]:
        """Take its value, with the space before it."""
        ...


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What a modifier of FETCH may look at: the rest of its command."""

    messages: NumberSet
    modifiers: tuple[FetchModifier, ...]


class FetchModifier(Parameter, Protocol):
    """A parsed modifier of FETCH or UID FETCH (RFC 4466 §2.4)."""

    @property
    def items(self) -> tuple[FetchItem, ...]:
        """Items that are answered as if they had been asked for."""
        ...

    def check(self, context: Context, request: FetchRequest) -> None:
        """Refuse what doesn't fit together. Raises `Bad`."""
        ...

    async def narrow(
        self, context: Context, request: FetchRequest, uids: Sequence[int]
    ) -> Sequence[int]:
        """Do what it asks for before the answers; gives the messages that are left.

        Modifiers are asked in the order of the features. ``uids`` ascend, and so
        do those that are given back.
        """
        ...


class StoreModifier(Parameter, Protocol):
    """A parsed modifier of STORE or UID STORE (RFC 4466 §2.5)."""

    @property
    def unchanged_since(self) -> int | None:
        """The mod-sequence above which a message is left alone, if any."""
        ...

    def begin(self, context: Context) -> None:
        """Do what it asks for before the flags are changed. Raises `Bad`."""
        ...

    def refusal(self, messages: Sequence[int]) -> str:
        """Give the response code for messages that were left alone.

        Numbers for STORE, UIDs for UID STORE, ascending.
        """
        ...


class SelectParameter(Parameter, Protocol):
    """A parsed parameter of SELECT or EXAMINE (RFC 4466 §2.1)."""

    def check(self, context: Context) -> None:
        """Refuse it before the old mailbox is left. Raises `Bad`."""
        ...

    async def meant(self, context: Context) -> str | None:
        """Give the name of the mailbox that is to be selected, whatever was written.

        None: the parameter says nothing of that, or there is none.
        """
        ...

    async def opened(self, context: Context) -> None:
        """Do what it asks for, behind the responses that every SELECT gets."""
        ...


@dataclass(frozen=True, slots=True)
class _Spec(Generic[P]):
    name: str
    parse: Callable[[Cursor], P]
    rfc: str


@dataclass(frozen=True, slots=True)
class FetchModifierSpec(_Spec[FetchModifier]):
    """A modifier of FETCH: name and grammar; ``parse`` begins behind the name."""


@dataclass(frozen=True, slots=True)
class StoreModifierSpec(_Spec[StoreModifier]):
    """A modifier of STORE: name and grammar; ``parse`` begins behind the name."""


@dataclass(frozen=True, slots=True)
class SelectParameterSpec(_Spec[SelectParameter]):
    """A parameter of SELECT: name and grammar; ``parse`` begins behind the name."""


SelectResponse = Callable[
    ["Context", "Selected"], bytes | Awaitable[bytes | None] | None
]
"""Gives a response of SELECT and EXAMINE beside those of RFC 3501 §6.3.1.

Without ``* `` and line end; None when there is none in this session. What has to wait
for something is given to be awaited.
"""


CreateCode = Callable[["Context", MailboxId], str | None]
"""Gives a response code of CREATE, of which a tagged OK has one: the first there is."""


RenameCode = Callable[["Context", MailboxId | None], str | None]
"""As `CreateCode`, of RENAME; without a mailbox where the name has none."""


def parse_parameters(
    cursor: Cursor, specs: Mapping[str, ParameterSpec[P]], what: str
) -> tuple[P, ...]:
    """Take ``(name [SP value] ...)``, each name once. Raises `Malformed`.

    ``what`` names such a parameter to the client: "a fetch modifier".
    """
    seen: set[str] = set()

    def one() -> P:
        start = cursor.at
        name = cursor.need(_LABEL, what)[0].decode("ascii").upper()
        if name not in specs or name in seen:
            cursor.at = start
            raise cursor.fail(what if name not in seen else f"{name} once")
        seen.add(name)
        return specs[name].parse(cursor)

    return cursor.parenthesised(one, least=1)


def unparse_parameters(parameters: Sequence[Parameter]) -> bytes:
    """Write parameters with their parentheses."""
    return b"(%b)" % b" ".join([one.unparse() for one in parameters])


def in_order(parameters: Sequence[P], specs: Mapping[str, object]) -> list[P]:
    """Sort parameters as the features stand: a client's order means nothing."""
    places = {name: place for place, name in enumerate(specs)}
    return sorted(parameters, key=lambda one: places[one.name])
