"""Habits that a program can see: docstrings, sizes, where SQL and files are touched."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Module, docstrings, modules, within_any

LONGEST_FILE = 500
LONGEST_FUNCTION = 50

LONG_FILES: dict[str, str] = {}
"""Longer files by their path: the reason why they are not two things under one name."""

LONG_FUNCTIONS: dict[str, str] = {}
"""Longer functions as path:name, and the reason."""

SQL = re.compile(
    r"\bSELECT\s.*\bFROM\s|\bINSERT\s+(OR\s+\w+\s+)?INTO\s|\bUPDATE\s+\w+\s+SET\s"
    r"|\bDELETE\s+FROM\s|\bCREATE\s+(TABLE|INDEX|UNIQUE|VIRTUAL|TRIGGER)\b"
    r"|\bPRAGMA\s+\w|\bBEGIN\s+IMMEDIATE\b|\bSAVEPOINT\s|\bATTACH\s",
    re.DOTALL,
)
SQL_PLACES = ("mailstore.index", "mailstore.search")

FILE_CALLS = frozenset(
    {"read_bytes", "write_bytes", "read_text", "write_text", "fdopen", "mkstemp"}
)
NO_FILES = (
    "imapd.wire",
    "imapd.syntax",
    "imapd.session",
    "imapd.commands",
    "imapd.extensions",
    "imapd.auth",
    "mailstore.model",
    "mailstore.errors",
    "mailstore.query",
    "mailstore.found",
    "mailstore.changes",
    "mailstore.lanes",
    "mailstore.service",
    "mailstore.state",
    "mailstore.writer",
    "mailstore.delivery",
    "mailstore.mime",
    "mailstore.search",
    "mailstore.directory",
)
"""Mail is read and written by mailstore.blobs alone; these never touch a file."""


def test_every_module_says_what_it_is():
    wrong = [
        module.place
        for module in modules("imapd", "mailstore", "tests/support")
        if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    assert wrong == []


def test_files_stay_short():
    wrong = {
        module.place: lines
        for module in modules("imapd", "mailstore", "tests")
        if (lines := module.text.count("\n")) > LONGEST_FILE
        and module.place not in LONG_FILES
    }
    assert wrong == {}


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """List the functions of a module with their lines of code, docstrings left out."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            spared = 0
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                spared = (first.end_lineno or first.lineno) - first.lineno + 1
            lines = (node.end_lineno or node.lineno) - node.lineno + 1 - spared
            yield f"{module.place}:{node.name}", lines


def test_functions_stay_short():
    wrong = {
        name: lines
        for module in modules()
        for name, lines in functions(module)
        if lines > LONGEST_FUNCTION and name not in LONG_FUNCTIONS
    }
    assert wrong == {}


def test_sql_stands_where_sql_belongs():
    wrong = [
        f"{module.place}:{node.lineno}"
        for module in modules()
        if not within_any(module.name, SQL_PLACES)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings(module.tree)
        and SQL.search(node.value)
    ]
    assert wrong == []


def file_calls(module: Module) -> Iterator[int]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="open")):
                yield node.lineno
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr="open")
            ) if owner in ("os", "io", "codecs", "gzip"):
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr=name)) if name in FILE_CALLS:
                yield node.lineno


def test_mail_files_are_opened_by_the_blob_stores_alone():
    wrong = [
        f"{module.place}:{line}"
        for module in modules()
        if within_any(module.name, NO_FILES)
        for line in file_calls(module)
    ]
    assert wrong == []


def texts() -> Iterator[tuple[str, str]]:
    """Give path and text of every file of the project that people read."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git clone: which files belong to the project is unknown")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        plain = path.suffix in {".py", ".md", ".sql", ".toml", ".cfg", ".imap", ".lock"}
        if (plain or not path.suffix) and path.is_file():
            yield name, path.read_text(encoding="utf-8", errors="replace")


def test_nothing_is_left_to_do():
    left = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME"]) + r")\b")
    assert [name for name, text in texts() if left.search(text)] == []


def test_no_path_of_somebodys_machine():
    path = re.compile(r"(?<![\w.~}-])/(root|home|Users|work)/\w")
    wrong = [
        f"{name}: {found[0]}" for name, text in texts() if (found := path.search(text))
    ]
    assert wrong == []


def test_values_are_frozen_where_they_travel():
    """Nodes, models and specs are values: nobody changes what another one holds."""
    travels = ("imapd.syntax", "imapd.commands", "imapd.extensions", "mailstore.model")
    wrong = []
    for module in modules():
        if not within_any(module.name, travels):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                for decorator in node.decorator_list:
                    text = ast.unparse(decorator)
                    if text.startswith("dataclass") and "frozen=True" not in text:
                        wrong.append(f"{module.place}:{node.lineno} {node.name}")
    assert wrong == []


def test_the_lists_of_exceptions_are_up_to_date():
    long_files = {m.place for m in modules("imapd", "mailstore", "tests")}
    long_functions = {name for m in modules() for name, _ in functions(m)}
    assert LONG_FILES.keys() <= long_files
    assert LONG_FUNCTIONS.keys() <= long_functions
    assert all(Path(ROOT / name).exists() for name in LONG_FILES)
