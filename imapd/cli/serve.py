"""``imapd serve``: the server, in one process or several.

Without a configuration it makes one: a store, a certificate that vouches for itself
and a first account, so that trying imapd out takes one command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import (
    DEFAULT_FOLDER,
    FILE_NAME,
    Settings,
    Stop,
    known_errors,
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
@pass_settings
def command(settings: Settings, workers: int | None) -> int:
    """Run the server until SIGTERM or SIGINT; SIGHUP reads the configuration again.

    Prints one line `ready`, with the addresses, once connections are accepted.
    Without a configuration, a first one is made in ./var/imapd.
    """
    os.umask(0o077)
    first = settings.given is None and not Path(FILE_NAME).exists()
    if first:
        settings = _first_home()
    config = _checked(settings)
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
    return _supervise(config, rows)


def _checked(settings: Settings) -> Config:
    """Understand the configuration and try what can be tried before a port is open."""
    from imapd.app import load_checked

    return load_checked(settings.path)


def _announce(endpoints: Iterable[Endpoint]) -> None:
    from imapd.net.listen import ready_line

    sys.stdout.write(ready_line(endpoints) + "\n")
    sys.stdout.flush()


def _serve_here(config: Config, endpoints: tuple[Endpoint, ...]) -> int:
    from imapd.process import serve

    return serve(config, endpoints, ready=lambda: _announce(endpoints))


def _supervise(config: Config, rows: tuple[tuple[Endpoint, ...], ...]) -> int:
    from imapd.net.forking import ForkedWorker, fork_worker
    from imapd.net.workers import Supervisor
    from imapd.process import preload

    preload(config)
    held = _Held(config)
    held.writer.start()

    def start(spec: WorkerSpec, foreign: Collection[int]) -> ForkedWorker:
        return fork_worker(spec, foreign, lambda spec: _work(held, spec))

    try:
        return Supervisor(
            (*rows, ()),
            start,
            lambda: _announce(rows[0]),
            hangup=held.renew,
            hung_seconds=config.server.hung_seconds,
        ).run()
    finally:
        held.writer.stop()


def _work(held: _Held, spec: WorkerSpec) -> int:
    """Be a worker, or the indexer; gives the exit code."""
    from imapd.indexer import index
    from imapd.process import serve

    held.writer.stop()
    try:
        with known_errors():
            if not spec.endpoints:
                return index(held.config, spec)
            return serve(held.config, spec.endpoints, worker=spec)
    except click.ClickException as error:
        error.show()
        return error.exit_code


class _Held:
    """The configuration that holds, and the supervisor's own log.

    A worker that is replaced gets this one, never the file: that may be wrong, or half
    written, by then.
    """

    def __init__(self, config: Config) -> None:
        from imapd.app import log_writer

        self.config = config
        self.writer = log_writer(config, threaded=False)
        self._path = config.path

    def renew(self) -> None:
        """Read the file again. The workers log what is wrong with it."""
        from imapd.app import load_checked, reread
        from imapd.config import ConfigError

        self.writer.reopen()
        assert self._path is not None
        try:
            config = load_checked(self._path)
        except ConfigError:
            return
        self.config = reread(self.config, config)
        self.writer.set_level(self.config.log.level)


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
