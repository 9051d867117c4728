"""Who may import whom: the layers of the project, held by its syntax trees.

The picture and its reasons stand in docs/explanation/architecture.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from tests.architecture.source import Module, imports, modules, within, within_any

STANDARD = tuple(sorted(sys.stdlib_module_names | {"__future__"}))
MAILSTORE = (
    "mailstore.model",
    "mailstore.errors",
    "mailstore.rights",
    "mailstore.quotas",
    "mailstore.query",
    "mailstore.found",
    "mailstore.runs",
    "mailstore.changes",
    "mailstore.lanes",
    "mailstore.service",
    "mailstore.delivery",
    "mailstore.directory",
    "mailstore.blobs",
    "mailstore.mime",
)
"""What the rest may see of the store."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What the modules within a prefix may import, beside the standard library.

    ``siblings``: whether they may import each other.
    """

    prefix: str
    allowed: tuple[str, ...]
    siblings: bool = True


LAYERS = (
    Layer("mailstore", ("apsw", "zstandard", "bcrypt")),
    Layer("imapd.wire", ()),
    Layer("imapd.syntax", ("imapd.wire",)),
    Layer("imapd.session", ("imapd.syntax", "imapd.wire", *MAILSTORE)),
    Layer(
        "imapd.commands",
        ("imapd.session", "imapd.syntax", "imapd.wire", *MAILSTORE),
        siblings=False,
    ),
    Layer(
        "imapd.extensions",
        ("imapd.session", "imapd.syntax", "imapd.wire", *MAILSTORE),
        siblings=False,
    ),
    Layer(
        "imapd.auth",
        (
            "pyasn1",
            "pyasn1_modules",
            "ldap3",
            "jwt",
            "imapd.session",
            "imapd.syntax",
            "imapd.wire",
            *MAILSTORE,
        ),
    ),
    Layer(
        "imapd.doors",
        (
            "imapd.session",
            "imapd.auth",
            "imapd.syntax",
            "imapd.wire",
            *MAILSTORE,
        ),
    ),
    Layer("imapd.config", ("imapd.session.limits", "imapd.session.mechanisms")),
    Layer("imapd.logs", ()),
    Layer("imapd.metrics", ("prometheus_client",)),
    Layer(
        "imapd.net",
        (
            "twisted",
            "zope.interface",
            "OpenSSL",
            "cryptography",
            "imapd.session",
            "imapd.doors",
            "imapd.config",
            "imapd.logs",
            *MAILSTORE,
        ),
    ),
    Layer(
        "imapd.features",
        ("imapd.commands", "imapd.extensions", "imapd.session.registry"),
    ),
)
"""Everything else (the command line, the composition root) may import all."""

ONLY_IN = {
    "twisted": ("imapd.net",),
    "zope": ("imapd.net",),
    "OpenSSL": ("imapd.net",),
    "cryptography": ("imapd.net",),
    "pyasn1": ("imapd.auth",),
    "pyasn1_modules": ("imapd.auth",),
    "ldap3": ("imapd.auth",),
    "jwt": ("imapd.auth",),
    "apsw": ("mailstore.index", "mailstore.search"),
    "bcrypt": ("mailstore",),
    "zstandard": ("mailstore",),
    "click": ("imapd.cli",),
    "prometheus_client": ("imapd.metrics",),
    "sqlite3": (),
    "asyncio": (),
    "imapd.net": (
        "imapd.net",
        "imapd.cli",
        "imapd.app",
        "imapd.protocols",
        "imapd.process",
        "imapd.indexer",
        "imapd.testing",
    ),
    "imapd.logins": ("imapd.app",),
    "imapd.protocols": ("imapd.app",),
    "imapd.app": ("imapd.cli", "imapd.process", "imapd.indexer", "imapd.testing"),
    "imapd.features": ("imapd.cli", "imapd.app"),
    "imapd.cli": ("imapd.cli", "imapd.__main__"),
}
"""What only some may import. Two SQLite libraries in one process would undo each
other's locks, so that nobody imports Python's own."""

SESSION_PRIVATE = ("imapd.session.connection", "imapd.session.dispatch")
"""Commands are found by the session through the registry; they don't look back."""


def layer_of(name: str) -> Layer | None:
    return next((layer for layer in LAYERS if within(name, layer.prefix)), None)


def unit_of(name: str, layer: Layer) -> str:
    """Give the part of a layer that is on its own: imapd.commands.fetch."""
    depth = layer.prefix.count(".") + 2
    return ".".join(name.split(".")[:depth])


def forbidden(module: Module) -> list[str]:
    layer = layer_of(module.name)
    if layer is None:
        return []
    own = layer.prefix if layer.siblings else unit_of(module.name, layer)
    found = []
    for one in imports(module):
        if within(one.name, own) or within_any(one.name, STANDARD):
            continue
        if one.name in ("imapd", "mailstore") and layer.prefix != "imapd.wire":
            continue  # the version, and nothing else, stands there
        if not within_any(one.name, layer.allowed):
            found.append(f"{module.place}:{one.line} imports {one.name}")
    return found


def test_layers_import_only_what_is_below_them():
    assert [text for module in modules() for text in forbidden(module)] == []


@pytest.mark.parametrize("name", ONLY_IN)
def test_imported_only_where_it_belongs(name: str):
    wrong = [
        f"{module.place}:{one.line}"
        for module in modules()
        for one in imports(module)
        if within(one.name, name) and not within_any(module.name, ONLY_IN[name])
    ]
    assert wrong == []


def test_commands_never_look_into_the_machinery_of_sessions():
    wrong = [
        f"{module.place}:{one.line} imports {one.name}"
        for module in modules()
        if within_any(module.name, ("imapd.commands", "imapd.extensions"))
        for one in imports(module)
        if within_any(one.name, SESSION_PRIVATE)
    ]
    assert wrong == []


def test_no_module_needs_itself():
    """Imports at the top of modules form no circle, those for types left out."""
    graph = {
        module.name: {
            one.name for one in imports(module) if not one.typing and not one.late
        }
        for module in modules()
    }
    done: set[str] = set()
    for start, first in graph.items():
        path = [(start, sorted(first))]
        while path:
            name, rest = path[-1]
            if not rest or name in done:
                done.add(name)
                path.pop()
                continue
            after = rest.pop()
            on_path = [step for step, _ in path]
            assert after not in on_path, f"{' -> '.join(on_path)} -> {after}"
            if after in graph:
                path.append((after, sorted(graph[after])))


def test_the_package_files_of_the_top_have_no_imports_of_ours():
    """So that importing any module doesn't import all of them."""
    tops = [module for module in modules() if module.name in ("imapd", "mailstore")]
    assert len(tops) == 2
    for module in tops:
        assert [one.name for one in imports(module) if "." in one.name] == []
