"""The texts that people may read, found in the source: what a catalogue has to hold.

An f-string gives a template, with ``{}`` for each value. A name stands for the texts
that its module assigns to it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Which argument of a call is a text.
_ARGUMENT = {
    "Completed": 0,
    "No": 0,
    "Bad": 0,
    "Bye": 0,
    "status": 1,
    "say": 1,
    "fail": 0,
    "need": 1,
    "run_searching": 1,
    "no_update": 2,
    "parse_parameters": 2,
    "Poison": 0,
    "InvalidMailboxName": 0,
    "InvalidUrl": 0,
    "MalformedExchange": 0,
    "_too_many": 0,
}
# Of one protocol alone, whose replies begin with a text.
_POP3 = {"ok": 0, "no": 0, "bad": 0, "Ok": 0, "Err": 0}
_ERRORS = frozenset(
    node.name
    for node in ast.parse((ROOT / "mailstore/errors.py").read_text()).body
    if isinstance(node, ast.ClassDef)
)
# Texts of attributes and of tables.
_NAMED = frozenset({"default", "what", "REFUSALS", "_WRONG_STATE", "_NOT_AGAIN"})
# What only administrators are told, by their commands.
_APART = (
    "imapd/cli/",
    "imapd/config/",
    "mailstore/blobs/pool.py",
    "mailstore/directory/addresses.py",
    "mailstore/directory/app_passwords.py",
    "mailstore/directory/names.py",
    "mailstore/directory/passwords.py",
    "mailstore/index/accounts.py",
    "mailstore/index/addresses.py",
    "mailstore/index/credentials.py",
    "mailstore/maintenance/",
)


def _called(node: ast.Call) -> str:
    func = node.func
    if isinstance(func, ast.Name):
        return func.id
    return func.attr if isinstance(func, ast.Attribute) else ""


class _Module:
    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        own = _POP3 if path.parent.name == "pop3" else {}
        self._argument = {**_ARGUMENT, **own}
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._note(target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._note(node.target, node.value)

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.assigned.setdefault(target.id, []).append(value)

    def texts(self) -> Iterator[str]:
        for name in _NAMED & self.assigned.keys():
            for value in self.assigned[name]:
                yield from self._of(value)
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Call):
                continue
            name = _called(node)
            at = 0 if name in _ERRORS else self._argument.get(name)
            if at is not None and len(node.args) > at:
                yield from self._of(node.args[at])

    def _of(self, node: ast.expr, depth: int = 0) -> Iterator[str]:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from self._joined(node)
        elif isinstance(node, ast.IfExp):
            yield from self._of(node.body, depth)
            yield from self._of(node.orelse, depth)
        elif isinstance(node, ast.Dict):
            for value in node.values:
                yield from self._of(value, depth)
        elif isinstance(node, ast.Name) and depth == 0:
            for value in self.assigned.get(node.id, ()):
                yield from self._of(value, 1)

    def _joined(self, node: ast.JoinedStr) -> Iterator[str]:
        pieces = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                pieces.append(str(part.value))
                continue
            assert isinstance(part, ast.FormattedValue)
            pieces.append("{}")
            if isinstance(part.value, ast.IfExp):
                yield from self._of(part.value)
        yield "".join(pieces)


@cache
def texts() -> frozenset[str]:
    """Give all texts of the server."""
    found: set[str] = set()
    for package in ("imapd", "mailstore"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not path.relative_to(ROOT).as_posix().startswith(_APART):
                found.update(_Module(path).texts())
    return frozenset(text for text in found if any(map(str.isalpha, text)))
