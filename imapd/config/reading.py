"""From a TOML file to a `Config`, or to everything that is wrong with it.

Nothing is guessed: an unknown key, a wrong type and a value out of bounds are
refused, each with its line, all of them at once.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imapd.config.lines import Lines, find_lines
from imapd.config.settings import (
    LISTS,
    TABLES,
    UNIX_PROTOCOLS,
    Config,
    Listen,
    TlsSettings,
    settings_of,
)
from imapd.config.wanted import NotWanted, unix_path

_PLAIN = ("metrics", "auth", "socketmap")
"""What has no TLS of its own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file; ``line`` None: with the whole of it."""

    line: int | None
    text: str


class ConfigError(Exception):
    """A configuration that cannot be used. ``str`` has one line per problem."""

    def __init__(self, path: Path | None, problems: tuple[Problem, ...]) -> None:
        self.path = path
        self.problems = problems
        name = str(path) if path is not None else "configuration"
        super().__init__(
            "\n".join(
                f"{name}:{p.line}: {p.text}" if p.line else f"{name}: {p.text}"
                for p in problems
            )
        )


def load(path: Path, *, feature_names: Collection[str] | None = None) -> Config:
    """Read a configuration file.

    ``feature_names`` are the names that ``[features] off`` may hold; without them
    they are not checked. Raises `ConfigError` with every problem found.
    """
    return parse_config(read_text(path), path.absolute(), feature_names=feature_names)


def read_text(path: Path) -> str:
    """Read the text of a configuration file. Raises `ConfigError`."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(path, (Problem(None, "is not UTF-8"),)) from error
    except OSError as error:
        raise ConfigError(
            path, (Problem(None, f"cannot be read: {error.strerror}"),)
        ) from error


def parse_config(
    text: str, path: Path, *, feature_names: Collection[str] | None = None
) -> Config:
    """Read a configuration from its text; relative paths begin at ``path``'s folder.

    Raises `ConfigError`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, (Problem(None, f"no valid TOML: {error}"),)) from error
    reader = _Reader(find_lines(text), path)
    config = reader.config(document, feature_names)
    if reader.problems:
        reader.problems.sort(key=lambda problem: problem.line or 0)
        raise ConfigError(path, tuple(reader.problems))
    return config


_NEEDED = {"listen": ("address",), "certificate": ("certificate", "key")}


class _Reader:
    def __init__(self, lines: Lines, path: Path) -> None:
        self.problems: list[Problem] = []
        self._lines = lines
        self._path = path

    def config(
        self, document: dict[str, Any], feature_names: Collection[str] | None
    ) -> Config:
        parts: dict[str, Any] = {}
        # The store of a file without [store] lies beside the file, as if written.
        for name, value in {"store": {}, **document}.items():
            if name not in TABLES:
                self._unknown((name,), f"unknown table [{name}]", TABLES)
            elif name in LISTS:
                parts[name] = self._several(name, value)
            elif not isinstance(value, dict):
                self._problem((name,), f"[{name}] is a table")
            else:
                parts[name] = self._table(name, (name,), value)
        if self.problems:
            return Config()
        config = Config(**parts, path=self._path)
        self._check_listen(config.listen)
        self._check_tls(config)
        if not config.namespaces.differ:
            self._problem(("namespaces",), "[namespaces] the two have one name")
        if feature_names is not None:
            self._check_features("off", config.features.off, feature_names)
            self._check_features("on", config.features.on, feature_names)
        return config

    def _table(
        self, name: str, at: tuple[str | int, ...], values: dict[str, Any]
    ) -> Any:  # noqa: ANN401 - each table has its own class
        known = {setting.key: setting for setting in settings_of(name)}
        taken: dict[str, Any] = {}
        if name == "store":
            values = {"path": str(known["path"].default), **values}
        for key, value in values.items():
            setting = known.get(key)
            if setting is None:
                self._unknown((*at, key), f"[{name}] unknown key {key}", known)
                continue
            try:
                taken[key] = setting.wanted.read(value, self._path.parent)
            except NotWanted as error:
                shown = repr(value)[:60]
                self._problem(
                    (*at, key), f"[{name}] {key}: {error} wanted, not {shown}"
                )
        return TABLES[name](**taken)

    def _several(self, name: str, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            self._problem((name,), f"[[{name}]] is a list of tables")
            return ()
        found = []
        for index, table in enumerate(value):
            found.append(self._table(name, (name, index), table))
            for key in _NEEDED[name]:
                if key not in table:
                    self._problem((name, index), f"[[{name}]] {key} is missing")
        if not found and name == "listen":
            self._problem(("listen",), "listen is empty: the server would be deaf")
        return tuple(found)

    def _check_listen(self, listens: tuple[Listen, ...]) -> None:
        seen = set()
        for index, listen in enumerate(listens):
            if listen.address in seen and listen.address[1] != 0:
                self._problem(
                    ("listen", index, "address"),
                    f"[[listen]] address {listen.text} is there twice",
                )
            seen.add(listen.address)
            if listen.protocol in _PLAIN and (
                listen.tls != "none" or listen.proxy_from
            ):
                self._problem(
                    ("listen", index, "protocol"),
                    f'[[listen]] "{listen.protocol}" wants tls = "none" and no '
                    "proxy_from",
                )
            if unix_path(listen.address[0]) is not None:
                self._check_unix(index, listen)

    def _check_unix(self, index: int, listen: Listen) -> None:
        if listen.protocol not in UNIX_PROTOCOLS:
            text = f'[[listen]] "{listen.protocol}" wants "host:port", no unix socket'
            self._problem(("listen", index, "address"), text)
        if listen.tls != "none" or listen.proxy_from or listen.allow_from:
            text = 'a unix socket wants tls = "none", no proxy_from, no allow_from'
            self._problem(("listen", index, "address"), f"[[listen]] {text}")

    def _check_tls(self, config: Config) -> None:
        tls: TlsSettings = config.tls
        if (tls.certificate is None) != (tls.key is None):
            self._problem(("tls",), "[tls] wants both certificate and key, or neither")
        elif config.needs_certificate and tls.certificate is None:
            first = next(i for i, v in enumerate(config.listen) if v.tls != "none")
            self._problem(
                ("listen", first, "tls"),
                "[tls] certificate and key are missing; [[listen]] offers TLS",
            )

    def _check_features(
        self, key: str, names: tuple[str, ...], known: Collection[str]
    ) -> None:
        upper = {name.upper(): name for name in known}
        for name in names:
            if name.upper() not in upper:
                self._unknown(
                    ("features", key),
                    f"[features] {key}: unknown feature {name}",
                    upper,
                )

    def _unknown(
        self, at: tuple[str | int, ...], text: str, known: Collection[str]
    ) -> None:
        wrong = text.rsplit(" ", 1)[-1].strip("[]")
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5) or (
            difflib.get_close_matches(wrong.upper(), known, n=1, cutoff=0.5)
        )
        self._problem(at, f"{text}; did you mean {near[0]}?" if near else text)

    def _problem(self, at: tuple[str | int, ...], text: str) -> None:
        self.problems.append(Problem(self._lines.of(at), text))
