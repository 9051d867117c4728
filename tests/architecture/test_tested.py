"""Every module of the product is imported by some test.

A module counts as imported with its package if that offers its names (`imapd.config`).
"""

from __future__ import annotations

from tests.architecture.source import imports, modules, within_any

BY_RUNNING = {
    "imapd.__main__": "every test of tests/process runs it",
    "imapd.cli": "tests/imapd/cli runs each subcommand by its name",
    "imapd.config.__main__": "prints the page that tests/imapd/test_config.py compares",
    "imapd.doors.mta_conversation": "tests/support/transfer.py speaks to it",
    "imapd.doors.pop3.authorization": "tests/support/pop3.py logs in by it",
    "imapd.doors.pop3.transaction": "tests/support/pop3.py speaks to it",
    "imapd.process": "every test of tests/process runs it",
    "imapd.app": "every test with a server runs it",
    "imapd.features": "every test with a server runs it",
}
"""Modules and packages that tests run rather than import, and where."""


def imported_by_tests() -> set[str]:
    offers = {
        module.name: [one.name for one in imports(module)]
        for module in modules()
        if module.path.name == "__init__.py"
    }
    found = {one.name for module in modules("tests") for one in imports(module)}
    return found | {inner for name in found for inner in offers.get(name, ())}


def test_every_module_is_imported_by_a_test():
    tested = imported_by_tests()
    untested = [
        module.name
        for module in modules()
        if not module.empty
        and module.path.name != "__init__.py"
        and module.name not in tested
        and not within_any(module.name, tuple(BY_RUNNING))
    ]
    assert untested == []


def test_what_is_run_exists():
    assert BY_RUNNING.keys() <= {module.name for module in modules()} | {
        "imapd.features"
    }
