"""What every subcommand is given: the configuration, the store, the output.

A subcommand looks like this::

    @click.command(name="list")
    @json_option
    @pass_settings
    def command(settings: Settings, as_json: bool) -> None:
        with settings.store() as store:
            ...

`pass_settings` adds ``--config``; store and configuration errors that leave the
function end the program with their exit code and one line on stderr.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from imapd.cli.exits import Exit

if TYPE_CHECKING:
    from imapd.config import Config
    from mailstore.lanes import InlineRuntime
    from mailstore.service import Store

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_FOLDER = Path("var/imapd")
FILE_NAME = "imapd.toml"
_META = "imapd.config"


class Stop(click.ClickException):
    """Ends the program with a line on stderr and an exit code."""

    def __init__(self, text: str, code: Exit) -> None:
        super().__init__(text)
        self.exit_code = int(code)  # type: ignore[misc]  # click's

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - click's signature
        """Write the text, each line after the program's name."""
        for line in self.format_message().splitlines():
            click.echo(f"imapd: {line}", err=True, file=file)


class Settings:
    """The configuration of this run, read when it is first needed."""

    def __init__(self, path: Path | None = None) -> None:
        self._given = path
        self._config: Config | None = None
        self._runtime: InlineRuntime | None = None

    @property
    def given(self) -> Path | None:
        """The file that ``--config`` or IMAPD_CONFIG named."""
        if self._given is None and os.environ.get("IMAPD_CONFIG"):
            return Path(os.environ["IMAPD_CONFIG"])
        return self._given

    @property
    def path(self) -> Path:
        """The configuration file: given, or found in its usual places.

        Raises `Stop` when there is none.
        """
        if self.given is not None:
            return self.given
        usual = (Path(FILE_NAME), DEFAULT_FOLDER / FILE_NAME)
        for path in usual:
            if path.exists():
                return path
        raise Stop(
            f"no configuration: neither --config nor IMAPD_CONFIG is given, and "
            f"there is no {usual[0]} or {usual[1]}",
            Exit.CONFIG,
        )

    @property
    def config(self) -> Config:
        """The configuration. Raises `Stop` when it cannot be used."""
        if self._config is None:
            from imapd.config import load

            self._config = load(self.path)
        return self._config

    @property
    def runtime(self) -> InlineRuntime:
        """The runtime of this program: everything happens at once."""
        if self._runtime is None:
            from mailstore.lanes import InlineRuntime

            self._runtime = InlineRuntime()
        return self._runtime

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the configured store; close it afterwards.

        Raises `Stop` when there is no store or it cannot be opened.
        """
        from imapd.app import store_options
        from mailstore.service import Store

        config = self.config
        if not config.store.path.is_dir():
            raise Stop(f"there is no store at {config.store.path}", Exit.STORE)
        store = Store.open(
            config.store.path, self.runtime, options=store_options(config)
        )
        try:
            yield store
        finally:
            store.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one of the store's coroutines to its result."""
        return self.runtime.run(work)

    def echo_json(self, value: object) -> None:
        """Write a value as JSON on stdout."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=True, default=str))


def _remember(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_META] = value  # the innermost option is read last, and wins


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    expose_value=False,
    is_eager=True,
    callback=_remember,
    help="The configuration file (or environment variable IMAPD_CONFIG).",
)
"""Adds ``--config FILE``; it may stand before or behind a subcommand's name."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for scripts."
)
"""Adds ``--json``, given to the function as ``as_json``."""


def pass_settings(
    function: Callable[Concatenate[Settings, P], T],
) -> Callable[P, T]:
    """Give `Settings` as the first argument; turn known errors into exit codes."""

    @config_option
    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        context = click.get_current_context()
        with known_errors():
            return function(Settings(context.meta.get(_META)), *args, **kwargs)

    return wrapped


@contextmanager
def known_errors() -> Iterator[None]:
    """Raise `Stop` in place of the errors that have an exit code."""
    from imapd.config import ConfigError
    from mailstore import errors

    try:
        yield
    except ConfigError as error:
        raise Stop(str(error), Exit.CONFIG) from error
    except (errors.NotFound, errors.AlreadyExists) as error:
        raise Stop(str(error), Exit.NAME) from error
    except (errors.Unavailable, errors.Corrupt, errors.Busy) as error:
        raise Stop(str(error), Exit.STORE) from error
    except errors.StoreError as error:
        raise Stop(str(error), Exit.FAILED) from error
