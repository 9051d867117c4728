"""What is imported is required, what is required is imported, at tested versions."""

from __future__ import annotations

import configparser
import re
import sys

from tests.architecture.source import ROOT, imports, modules

DISTRIBUTIONS = {
    "OpenSSL": "twisted",  # twisted[tls]
    "jwt": "pyjwt",
    "prometheus_client": "prometheus-client",
    "pyasn1_modules": "pyasn1-modules",
    "zope": "twisted",
    "twisted": "twisted",
}
"""Imported names whose distribution is called otherwise."""

AHEAD: dict[str, str] = {}
"""Required before anything imports it, and the reason."""


def requirements(*names: str) -> set[str]:
    """Give the distributions that setup.cfg asks for, in lower case."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    text = parser["options"]["install_requires"]
    for name in names:
        text += parser["options.extras_require"][name]
    return {match[0].lower() for match in re.finditer(r"^[\w.-]+", text, re.MULTILINE)}


def third_party(*packages: str) -> set[str]:
    """Give the distributions that modules import."""
    ours = {"imapd", "mailstore", "tests", *sys.stdlib_module_names}
    found = {
        one.name.partition(".")[0]
        for module in modules(*packages)
        for one in imports(module)
    } - ours
    return {DISTRIBUTIONS.get(name, name).lower() for name in found}


def test_what_is_imported_is_required():
    assert third_party("imapd", "mailstore") <= requirements()
    tested = requirements("test") | {"cryptography", "pytest", "hypothesis"}
    assert third_party("tests") <= tested


def test_what_is_required_is_imported():
    assert requirements() - third_party("imapd", "mailstore") <= AHEAD.keys()
    assert AHEAD.keys() <= requirements()


def test_everything_that_is_required_is_locked():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in locked)
    names = {line.partition("==")[0].lower() for line in locked}
    wanted = {name.replace("[toml]", "") for name in requirements("test", "dev")}
    assert wanted <= names
