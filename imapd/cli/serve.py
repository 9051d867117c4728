"""``imapd serve``: the server, in one process or several.

Without a configuration it makes one: a store, a certificate that vouches for itself
and a first account, so that trying imapd out takes one command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import (
    DEFAULT_FOLDER,
    FILE_NAME,
    Settings,
    Stop,
    pass_settings,
)

if TYPE_CHECKING:
    from imapd.config import Config
    from imapd.net.listen import Endpoint
    from imapd.net.workers import WorkerSpec

FIRST_ACCOUNT = "me"


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Worker processes, in place of [server] workers.",
)
@click.option("--worker", hidden=True, help="What the supervisor hands to a worker.")
@pass_settings
def command(settings: Settings, workers: int | None, worker: str | None) -> int:
    """Run the server until SIGTERM or SIGINT; SIGHUP reads the configuration again.

    Prints one line `ready`, with the addresses, once connections are accepted.
    Without a configuration, a first one is made in ./var/imapd.
    """
    os.umask(0o077)
    if worker is not None:
        return _work(settings, worker)
    first = settings.given is None and not Path(FILE_NAME).exists()
    if first:
        settings = _first_home()
    text = _text(settings)
    config = _checked(settings, text)
    count = workers or config.server.workers or len(os.sched_getaffinity(0))
    from imapd.net.listen import AddressError, open_endpoints

    try:
        rows = open_endpoints(config.listen, count)
    except AddressError as error:
        raise Stop(str(error), Exit.ADDRESS) from error
    _open_many_files()
    if first:
        _explain(config, rows[0])
    if count == 1:
        return _serve_here(config, rows[0])
    return _supervise(config, text, rows)


def _text(settings: Settings) -> str:
    from imapd.config import read_text

    return read_text(settings.path)


def _checked(settings: Settings, text: str) -> Config:
    """Understand the configuration and try what can be tried before a port is open."""
    from imapd.app import load_checked

    return load_checked(settings.path, text)


def _announce(endpoints: Iterable[Endpoint]) -> None:
    from imapd.net.listen import ready_line

    sys.stdout.write(ready_line(endpoints) + "\n")
    sys.stdout.flush()


def _serve_here(config: Config, endpoints: tuple[Endpoint, ...]) -> int:
    from imapd.process import serve

    return serve(config, endpoints, ready=lambda: _announce(endpoints))


def _work(settings: Settings, text: str) -> int:
    from imapd.net.workers import WorkerSpec

    spec = WorkerSpec.from_json(text)
    if not spec.endpoints:
        return _index(settings, spec)
    from imapd.process import serve

    config = _checked(settings, spec.read_settings())
    return serve(config, spec.endpoints, worker=spec)


def _index(settings: Settings, spec: WorkerSpec) -> int:
    """Be the indexer, who loads no feature: the supervisor has checked their names."""
    from imapd.config import parse_config
    from imapd.indexer import index

    path = settings.path.absolute()
    return index(parse_config(spec.read_settings(), path), spec)


def _supervise(
    config: Config, text: str, rows: tuple[tuple[Endpoint, ...], ...]
) -> int:
    from imapd.net.workers import Supervisor

    def command_line(spec: WorkerSpec) -> list[str]:
        program = [sys.executable, "-m", "imapd", "serve"]
        return [*program, "--config", str(config.path), "--worker", spec.as_json()]

    held = _Held(config, text)
    held.writer.start()
    try:
        return Supervisor(
            (*rows, ()),
            command_line,
            lambda: _announce(rows[0]),
            settings=lambda: held.text,
            hangup=held.renew,
            hung_seconds=config.server.hung_seconds,
        ).run()
    finally:
        held.writer.stop()


class _Held:
    """The configuration that holds, as text, and the supervisor's own log."""

    def __init__(self, config: Config, text: str) -> None:
        from imapd.app import log_writer

        self.text = text
        self.writer = log_writer(config)
        self._path = config.path

    def renew(self) -> None:
        """Read the file again. The workers log what is wrong with it."""
        from imapd.app import load_checked
        from imapd.config import ConfigError, read_text

        self.writer.reopen()
        assert self._path is not None
        try:
            text = read_text(self._path)
            config = load_checked(self._path, text)
        except ConfigError:
            return
        self.text = text
        self.writer.set_level(config.log.level)


def _first_home() -> Settings:
    from imapd.cli.init import make_home

    return Settings(make_home(DEFAULT_FOLDER))


def _explain(config: Config, endpoints: tuple[Endpoint, ...]) -> None:
    """Tell how to connect, and the password of an account that was just made."""
    from imapd.app import make_first_account
    from imapd.config import write_address

    password = make_first_account(config, FIRST_ACCOUNT)
    click.echo(f"configuration: {config.path}")
    click.echo(f"mail:          {config.store.path}")
    for endpoint in endpoints:
        how = {"starttls": "STARTTLS", "implicit": "SSL/TLS", "none": "no TLS"}
        where = write_address(*endpoint.bound)
        click.echo(f"IMAP server:   {where}, {how[endpoint.tls]}")
    if password is not None:
        click.echo(f"user name:     {FIRST_ACCOUNT}")
        click.echo(f"password:      {password}")
        click.echo("Keep it: it is not shown again (imapd account passwd changes it).")
    click.echo("Your mail program will ask whether to trust the certificate: it is")
    click.echo("this server's own, from the folder of the configuration.")


def _open_many_files() -> None:
    """Take all the descriptors that the system grants: each connection is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
