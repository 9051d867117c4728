"""The project's source as syntax trees: what every rule of this folder looks at."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("imapd", "mailstore")


@dataclass(frozen=True, eq=False)
class Module:
    """One source file: its dotted name, its text, its tree."""

    name: str
    path: Path
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree, read when somebody wants it."""
        return ast.parse(self.text)

    @property
    def place(self) -> str:
        """Its path as it is shown in messages."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def empty(self) -> bool:
        """Whether it has no code: a docstring at most."""
        return all(
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for node in self.tree.body
        )


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module; ``typing``: for annotations; ``late``: in a function."""

    name: str
    line: int
    typing: bool = False
    late: bool = False


@functools.cache
def modules(*packages: str) -> tuple[Module, ...]:
    """Read all modules below the packages, by default those that are installed."""
    return tuple(_read(path) for path in _paths(packages or PACKAGES))


def _paths(packages: tuple[str, ...]) -> list[Path]:
    return sorted(
        path for package in packages for path in (ROOT / package).rglob("*.py")
    )


def _name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


@functools.cache
def _read(path: Path) -> Module:
    return Module(_name(path), path, path.read_text(encoding="utf-8"))


@functools.cache
def names() -> frozenset[str]:
    """The names of all modules, those of the tests included."""
    return frozenset(map(_name, _paths((*PACKAGES, "tests"))))


@functools.cache
def imports(module: Module) -> tuple[Import, ...]:
    """List what a module imports; ``from a import b`` is a.b if that is a module."""
    return tuple(_walk(module.tree, typing=False, late=False))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Give the statements below one: expressions, which are the most, have none."""
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        yield from getattr(node, field, ())


def _walk(node: ast.AST, *, typing: bool, late: bool) -> Iterator[Import]:
    for child in _statements(node):
        match child:
            case ast.Import():
                for alias in child.names:
                    yield Import(alias.name, child.lineno, typing, late)
            case ast.ImportFrom():
                yield from _from(child, typing=typing, late=late)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _walk(child, typing=True, late=late)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _walk(child, typing=typing, late=True)
            case _:
                yield from _walk(child, typing=typing, late=late)


def _from(node: ast.ImportFrom, *, typing: bool, late: bool) -> Iterator[Import]:
    assert node.level == 0, "relative imports are banned (ruff TID252)"
    assert node.module is not None
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        name = inner if inner in names() else node.module
        yield Import(name, node.lineno, typing, late)


def within(name: str, prefix: str) -> bool:
    """Tell whether a dotted name is a package or something in it."""
    return name == prefix or name.startswith(f"{prefix}.")


def within_any(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(within(name, prefix) for prefix in prefixes)


@functools.cache
def docstrings(tree: ast.AST) -> frozenset[int]:
    """The identities of the nodes that are docstrings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ):
            for child in node.body:
                if isinstance(child, ast.Expr) and isinstance(
                    child.value, ast.Constant
                ):
                    found.add(id(child.value))
    return frozenset(found)
