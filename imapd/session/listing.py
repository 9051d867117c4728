"""What LIST tells of a name, and the options by which features add to it.

RFC 3501 §7.2.2, RFC 5258 §3. It must not know any option's name: a selection option
says which names are wanted, a return option adds to each one attributes, extended data
and responses that follow. Example::

    * LIST (\\Subscribed) "/" Foo ("CHILDINFO" ("SUBSCRIBED"))
"""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from imapd.syntax.mailbox import DELIMITER, render_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import string
from mailstore.model import MailboxEntry

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.registry import Registry

ListAttributes = Callable[[MailboxEntry], Iterable[str]]
"""Gives name attributes of one LIST answer, as ``\\HasChildren``."""

_DELIMITER = DELIMITER.encode("ascii")
_OPTION = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")


class SelectionKind(enum.Enum):
    """How a selection option stands to the others (RFC 5258 §6)."""

    BASE = enum.auto()  # may stand alone
    INDEPENDENT = enum.auto()  # stands alone, and asks for no other
    MODIFIER = enum.auto()  # wants a base option beside it


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """What a return option adds to one name.

    ``extended`` are tags with their values, parentheses included; ``responses`` are
    untagged ones that follow the LIST response, without ``* ``.
    """

    attributes: tuple[str, ...] = ()
    extended: tuple[tuple[str, bytes], ...] = ()
    responses: tuple[bytes, ...] = ()


class ListReturn(Protocol):
    """A parsed return option; a frozen value."""

    def unparse(self) -> bytes:
        """Write it as a client would."""
        ...

    def answers(
        self, context: Context, entries: Sequence[MailboxEntry], /
    ) -> Awaitable[Sequence[ListAnswer]]:
        """Give what it adds to each of at most `LIST_BATCH` names, in their order."""
        ...


LIST_BATCH = 64
_LETTERS = 1_024  # that a pattern goes through in half a turn of the event loop


def in_parts(
    entries: Iterable[MailboxEntry], *, quick: bool = False
) -> Iterator[Sequence[MailboxEntry]]:
    """Cut a list of names into parts, so short that a turn can look at two of them.

    A pattern looks at each letter of a name, whether the name is told or not, unless it
    is ``quick`` (`ListPattern.quick`).
    """
    if quick:
        names = tuple(entries)
        for start in range(0, len(names), LIST_BATCH):
            yield names[start : start + LIST_BATCH]
        return
    part: list[MailboxEntry] = []
    letters = 0
    for entry in entries:
        part.append(entry)
        letters += len(entry.name)
        if letters >= _LETTERS or len(part) == LIST_BATCH:
            yield part
            part, letters = [], 0
    if part:
        yield part


@dataclass(frozen=True, slots=True)
class AttributeReturn:
    """A return option that only adds attributes."""

    name: str
    attributes: ListAttributes = field(repr=False)

    def unparse(self) -> bytes:
        """Write the option."""
        return self.name.encode("ascii")

    async def answers(
        self, _: Context, entries: Sequence[MailboxEntry]
    ) -> Sequence[ListAnswer]:
        """Give the attributes of each name."""
        return [ListAnswer(tuple(self.attributes(entry))) for entry in entries]

    def spec(self, rfc: str) -> ListReturnSpec:
        """Give its spec: a name without arguments."""
        return ListReturnSpec(self.name, lambda _, __: self, rfc)


@dataclass(frozen=True, slots=True)
class ListReturnSpec:
    """A return option's name and grammar; ``parse`` begins behind the name."""

    name: str
    parse: Callable[[Cursor, Registry], ListReturn]
    rfc: str


@dataclass(frozen=True, slots=True)
class ListSelectionSpec:
    """A selection option (RFC 5258 §3.1); it takes no arguments.

    ``selects`` tells which names are wanted, None: all. With ``missing`` names that
    have no mailbox may be among them, with ``parents`` superiors of what is wanted
    are told too, by CHILDINFO (§3.5). ``implies`` are return options that need not
    be asked for then.
    """

    name: str
    rfc: str
    kind: SelectionKind
    selects: Callable[[MailboxEntry], bool] | None = None
    missing: bool = False
    parents: bool = False
    implies: tuple[ListReturn, ...] = ()


def parse_return(cursor: Cursor, registry: Registry) -> ListReturn:
    """Take one return option. Raises `Malformed`."""
    start = cursor.at
    name = cursor.need(_OPTION, "a return option")[0].decode("ascii").upper()
    spec = registry.list_returns.get(name)
    if spec is None:
        cursor.at = start
        raise cursor.fail("a return option")
    return spec.parse(cursor, registry)


def parse_selection(cursor: Cursor, registry: Registry) -> str:
    """Take the name of one selection option. Raises `Malformed`."""
    start = cursor.at
    name = cursor.need(_OPTION, "a selection option")[0].decode("ascii").upper()
    if name not in registry.list_selections:
        cursor.at = start
        raise cursor.fail("a selection option")
    return name


def name_attributes(registry: Registry, entry: MailboxEntry) -> list[str]:
    """Give the attributes that a name has in every LIST."""
    found: list[str] = []
    if not entry.exists:
        found.append("\\NonExistent")  # implies \Noselect (RFC 5258 §3)
    elif not entry.selectable:
        found.append("\\Noselect")
    for more in registry.list_attributes:
        found += more(entry)
    return found


def list_response(
    name: str,
    attributes: Iterable[str] = (),
    extended: Iterable[tuple[str, bytes]] = (),
    *,
    utf8: bool = False,
    kind: bytes = b"LIST",
) -> bytes:
    """Render one LIST response, or one of its kind, without ``* ``.

    ``extended`` are the tags and values of RFC 5258 §3; only a client that has shown
    that it knows them may get any.
    """
    line = b'%b (%b) "%b" %b' % (
        kind,
        _attribute_list(tuple(attributes)),
        _DELIMITER,
        render_name(name, utf8=utf8),
    )
    if not extended:
        return line
    items = [b"%b %b" % (string(tag.encode("ascii")), data) for tag, data in extended]
    return b"%b (%b)" % (line, b" ".join(items)) if items else line


@lru_cache(maxsize=1_024)
def _attribute_list(attributes: tuple[str, ...]) -> bytes:
    # RFC 5258 §3.3: each attribute is told once.
    once = {attribute.upper(): attribute for attribute in attributes}
    if "\\NONEXISTENT" in once:
        once.pop("\\NOSELECT", None)
    return " ".join(once.values()).encode("ascii")
