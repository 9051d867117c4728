"""Debian's slapd as a process of ours: a small directory on free loopback ports."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificates import Certificates, make_certificates

PROGRAM = shutil.which("slapd", path="/usr/sbin:/usr/bin:/sbin")
MODULES = Path("/usr/lib/ldap")
SCHEMA = Path("/etc/ldap/schema")
BASE = "dc=example,dc=org"
SERVICE = f"cn=imapd,{BASE}"
SERVICE_PASSWORD = "service's secret"
_START_SECONDS = 30.0

PEOPLE = (
    # uid, mail, password, groups
    ("alice", "alice@example.org", "alice's", ("sales", "staff")),
    ("bob", "bob@example.org", "bob's", ("staff",)),
    ("twin1", "twins@example.org", "twin's", ()),
    ("twin2", "twins@example.org", "twin's", ()),
    ("köhler", "koehler@example.org", "grün", ()),
    ("odd*(name)", "odd@example.org", "odd's", ()),
)

CONFIG = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {authority}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw root
directory {folder}/data
access to attrs=userPassword by dn.exact="{service}" compare by * auth
access to * by dn.exact="{service}" read by * auth
"""


class Slapd:
    """The server; it may be stopped and started again on the same ports."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        self.folder = folder
        # A copy, because AppArmor lets Debian's own read its own folders alone.
        self._program = Path(shutil.copy(PROGRAM, folder / "slapd"))
        self.certificates: Certificates = make_certificates(folder)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir()
        self._config = folder / "slapd.conf"
        self._config.write_text(
            CONFIG.format(
                schema=SCHEMA,
                modules=MODULES,
                folder=folder,
                base=BASE,
                service=SERVICE,
                authority=self.certificates.authority,
                certificate=self.certificates.certificate,
                key=self.certificates.key,
            )
        )
        people = folder / "people.ldif"
        people.write_text(_ldif(), encoding="utf-8")
        subprocess.run(
            [self._program, "-T", "add", "-f", self._config, "-l", people],
            check=True,
            capture_output=True,
        )
        self.port, self.tls_port = _free_port(), _free_port()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self) -> None:
        urls = f"{self.url}/ {self.tls_url}/"
        self._process = subprocess.Popen(
            [self._program, "-f", self._config, "-h", urls, "-d", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        for port in (self.port, self.tls_port):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert self._process.poll() is None, "slapd has ended"
                    assert time.monotonic() < deadline, "slapd doesn't answer"
                    time.sleep(0.01)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def _ldif() -> str:
    def entry(dn: str, *lines: str) -> str:
        return "\n".join([f"dn: {dn}", *lines]) + "\n"

    entries = [
        entry(BASE, "objectClass: dcObject", "objectClass: organization", "o: x"),
        entry(
            SERVICE,
            "objectClass: organizationalRole",
            "objectClass: simpleSecurityObject",
            "cn: imapd",
            f"userPassword: {SERVICE_PASSWORD}",
        ),
    ]
    for number, (uid, mail, password, groups) in enumerate(PEOPLE):
        entries.append(
            entry(
                f"cn=person {number},{BASE}",
                "objectClass: inetOrgPerson",
                f"cn: person {number}",
                "sn: person",
                f"uid: {uid}",
                f"mail: {mail}",
                f"userPassword: {password}",
                *(f"ou: cn={group},ou=groups,{BASE}" for group in groups),
            )
        )
    return "\n".join(entries)


@contextmanager
def running_slapd(folder: Path) -> Iterator[Slapd]:
    """Run slapd for the length of a ``with`` block; skips if it isn't installed."""
    if PROGRAM is None or not MODULES.is_dir():
        pytest.skip("Debian's slapd is not installed")
    made = Slapd(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def ldap_config(slapd: Slapd, secret: Path, **more: object) -> str:
    """Write the [ldap] table for a server."""
    secret.write_text(SERVICE_PASSWORD + "\n")
    facts: dict[str, object] = {
        "urls": [slapd.tls_url],
        "ca": str(slapd.certificates.authority),
        "bind_dn": SERVICE,
        "bind_password_file": str(secret),
        "base": BASE,
        "group_attribute": "ou",
        **more,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
    return "\n".join(["", "[ldap]", *lines, ""])
