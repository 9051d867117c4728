"""What the value of a setting may be: one small class for each kind.

A kind says in words what it wants, reads the value that `tomllib` gave, and writes
it back as TOML. It knows no setting by name::

    Whole(1, 64).read(0, base)   ->  NotWanted: a whole number from 1 to 64
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class NotWanted(ValueError):
    """A value is not what its setting wants; the text says what that is."""


class Wanted(Protocol):
    """The kind of a setting's value."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        ...

    def read(self, value: object, base: Path) -> object:
        """Give the setting's value; ``base`` is the folder of the file.

        Raises `NotWanted` when it is something else.
        """
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; ``most`` None: no upper one."""

    least: int = 0
    most: int | None = None

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        if self.most is None:
            return f"a whole number from {self.least}"
        return f"a whole number from {self.least} to {self.most}"

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the number."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise NotWanted(self.text)
        if value < self.least or (self.most is not None and value > self.most):
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class YesNo:
    """A boolean."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "true or false"

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the boolean."""
        if not isinstance(value, bool):
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return " or ".join(f'"{word}"' for word in self.words)

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the word."""
        if not isinstance(value, str) or value not in self.words:
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Word:
    """A short text of printable ASCII, as it goes out in a greeting."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "a text of 1 to 64 printable ASCII characters"

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the text."""
        if not isinstance(value, str) or not re.fullmatch(r"[ -~]{1,64}", value):
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Names:
    """A list of names; upper and lower case are the same."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "a list of names"

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the names."""
        if not isinstance(value, list):
            raise NotWanted(self.text)
        if not all(isinstance(name, str) and name for name in value):
            raise NotWanted(self.text)
        return tuple(value)


@dataclass(frozen=True, slots=True)
class Choices:
    """A list of a few words, each at most once; upper and lower case are the same."""

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "a list of " + ", ".join(map(json.dumps, self.words))

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the words as they are known."""
        known = {word.upper(): word for word in self.words}
        if not isinstance(value, list):
            raise NotWanted(self.text)
        if not all(isinstance(word, str) and word.upper() in known for word in value):
            raise NotWanted(self.text)
        return tuple(dict.fromkeys(known[word.upper()] for word in value))


@dataclass(frozen=True, slots=True)
class Text:
    """A text on one line; it may be empty."""

    most: int = 1_000

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "a text"

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the text."""
        if not isinstance(value, str) or len(value) > self.most:
            raise NotWanted(self.text)
        if value and not value.isprintable():
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Mode:
    """The permissions of a file, as a text in octal."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return 'permissions in octal, as "0660"'

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the text."""
        if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value):
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a mailbox's name, or nothing."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "one level of a mailbox's name, not INBOX, or nothing"

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the level."""
        if not isinstance(value, str) or len(value) > 100:
            raise NotWanted(self.text)
        if value and (not value.isprintable() or value.upper() == "INBOX"):
            raise NotWanted(self.text)
        if any(letter in value for letter in "/*%"):
            raise NotWanted(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Networks:
    """A list of IP networks or addresses, as texts in their usual form."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return 'a list of networks, as "192.0.2.0/24" or "2001:db8::1"'

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the networks."""
        if not isinstance(value, list):
            raise NotWanted(self.text)
        found = []
        for one in value:
            try:
                if not isinstance(one, str):
                    raise NotWanted(self.text)
                found.append(str(ipaddress.ip_network(one)))
            except ValueError:
                raise NotWanted(self.text) from None
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Pairs:
    """A table from texts to texts, as pairs in their order."""

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return 'a table of texts, as { "a" = "b" }'

    def read(self, value: object, base: Path) -> object:  # noqa: ARG002
        """Give the pairs."""
        if not isinstance(value, dict):
            raise NotWanted(self.text)
        if not all(isinstance(one, str) and one for one in value.values()):
            raise NotWanted(self.text)
        return PairsValue(value.items())


class PairsValue(tuple[tuple[str, str], ...]):
    """The pairs of a table. A type of its own: it is written as a table again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FilePath:
    """A file or folder, relative to the configuration file; ``""`` is None."""

    optional: bool = False

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return "a path" if not self.optional else 'a path, or ""'

    def read(self, value: object, base: Path) -> object:
        """Give the absolute path, or None."""
        if not isinstance(value, str) or "\0" in value:
            raise NotWanted(self.text)
        if not value:
            if self.optional:
                return None
            raise NotWanted(self.text)
        try:
            return base / Path(value).expanduser()
        except RuntimeError:  # ~name, and nobody has this name
            raise NotWanted(self.text) from None


@dataclass(frozen=True, slots=True)
class Address:
    """``host:port``, an IPv6 address in brackets, as a pair (host, port).

    A unix socket is written ``unix:path`` and read as ("unix:/absolute/path", 0).
    """

    @property
    def text(self) -> str:
        """What is wanted, in words."""
        return '"host:port", an IPv6 address in brackets, or "unix:path"'

    def read(self, value: object, base: Path) -> object:
        """Give host and port."""
        if not isinstance(value, str):
            raise NotWanted(self.text)
        path = unix_path(value)
        if path is None:
            return read_address(value)
        if not path or "\0" in path:
            raise NotWanted(self.text)
        return f"{_UNIX}{base / path}", 0


_UNIX = "unix:"


def unix_path(host: str) -> str | None:
    """Give the path of a unix socket, None for what is a host."""
    return host.removeprefix(_UNIX) if host.startswith(_UNIX) else None


_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:\s]+)):([0-9]{1,5})")


def read_address(text: str) -> tuple[str, int]:
    """Read ``host:port`` or ``[IPv6]:port``. Raises `NotWanted`."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65_535:
        raise NotWanted(Address().text)
    return match[1] or match[2], int(match[3])


def write_address(host: str, port: int) -> str:
    """Write what `Address` reads."""
    if unix_path(host) is not None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def write_value(value: object) -> str:
    """Write a setting's value as TOML."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, PairsValue):
        pairs = ", ".join(f"{write_value(a)} = {write_value(b)}" for a, b in value)
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(write_value(item) for item in value)}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")


def setting(default: Any, wanted: Wanted, doc: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Make the field of a setting: its default, its kind, what it is for."""
    return field(default=default, metadata={"wanted": wanted, "doc": doc})
