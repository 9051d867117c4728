"""``imapd init``: everything that a new server needs, in one folder.

::

    DIR/imapd.toml            every setting, commented
    DIR/store/                the mail
    DIR/tls/certificate.pem   a certificate that vouches for itself, and its key
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import FILE_NAME, Settings, Stop, known_errors

STORE = "store"
CERTIFICATE = "tls/certificate.pem"
KEY = "tls/key.pem"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def command(directory: Path) -> None:
    """Make a store, a configuration and a certificate in DIRECTORY.

    What is there already stays as it is; a configuration that is there is an error.
    """
    with known_errors():
        file = directory / FILE_NAME
        if file.exists():
            raise Stop(f"{file} exists", Exit.NAME)
        make_home(directory)
    click.echo(f"made {file}")
    click.echo(f"next: imapd account add NAME --config {file}")
    click.echo(f"then: imapd serve --config {file}")


def make_home(directory: Path) -> Path:
    """Make what is missing of a server's folder; gives its configuration file.

    The configuration is written last: a folder that has one is complete. Raises
    `Stop` when a file cannot be written, and store errors.
    """
    from imapd.config import commented_default

    file = directory / FILE_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_certificate(directory / CERTIFICATE, directory / KEY)
        if not file.exists():
            (directory / STORE).mkdir(mode=0o700, exist_ok=True)
            text = commented_default(store=STORE, certificate=CERTIFICATE, key=KEY)
            _write_new(file, text)
            try:
                with Settings(file).store():
                    pass
            except BaseException:
                file.unlink()
                raise
    except OSError as error:
        raise Stop(f"{error.filename}: {error.strerror}", Exit.FAILED) from error
    return file


def _make_certificate(certificate: Path, key: Path) -> None:
    if certificate.exists() and key.exists():
        return
    from imapd.net.selfsigned import make_certificate

    for half in (certificate, key):  # one without the other is of no use
        with contextlib.suppress(FileNotFoundError):
            half.unlink()
    make_certificate(certificate, key)


def _write_new(file: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
