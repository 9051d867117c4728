"""Names say what a thing is in the RFC's words, and never that it is there to help."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import Module, modules

EMPTY_WORDS = re.compile(
    r"(^|_)(util|utils|helper|helpers|manager|misc)(_|$)"
    r"|(Util|Utils|Helper|Manager|Misc|Mixin)([A-Z_]|$)"
    r"|^(handle|process|do)_\w"
)
"""What says nothing about a thing. `folder` is a word for users (a mailbox)."""


def names(module: Module) -> Iterator[tuple[int, str]]:
    """Give the names that a module makes: its own, its classes', its functions'."""
    yield 0, module.path.stem
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def test_names_mean_something():
    wrong = [
        f"{module.place}:{line} {name}"
        for module in modules("imapd", "mailstore", "tests/support")
        for line, name in names(module)
        if EMPTY_WORDS.search(name)
    ]
    assert wrong == []


def test_errors_are_named_for_what_happened():
    wrong = [
        f"{module.place}:{node.lineno} {node.name}"
        for module in modules("mailstore", "imapd/session")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Exception")
    ]
    assert wrong == []


def test_test_modules_begin_like_what_they_test():
    """pytest finds test_*.py alone; a test in another file would never run."""
    wrong = [
        f"{module.place}:{node.lineno}"
        for module in modules("tests")
        if not module.path.stem.startswith("test_")
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert wrong == []


def test_folders_of_tests_are_packages():
    wrong = {
        module.path.parent.name
        for module in modules("tests")
        if not (module.path.parent / "__init__.py").exists()
    }
    assert wrong == set()
