"""The configuration, written out: the reference page, the commented file, the rest.

Everything is made of the tables in `imapd.config.settings`, so no page can differ
from what is checked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from imapd.config.settings import LISTS, TABLES, Config, Listen, Setting, settings_of
from imapd.config.wanted import Address, PairsValue, write_address, write_value


def shown(setting: Setting, value: object) -> str:
    """Write a setting's value as TOML."""
    if isinstance(setting.wanted, Address) and isinstance(value, tuple):
        return write_value(write_address(*value))
    return write_value(value)


def _header(table: str) -> str:
    return f"[[{table}]]" if table in LISTS else f"[{table}]"


def _about(table: str) -> str:
    return (TABLES[table].__doc__ or "").split("\n", 1)[0].rstrip(".")


def as_toml(config: Config) -> str:
    """Write a whole configuration, defaults included; paths are absolute."""
    lines: list[str] = []
    for table in TABLES:
        value = getattr(config, table)
        for part in value if isinstance(value, tuple) else (value,):
            lines += ["", _header(table)]
            lines += [
                f"{setting.key} = {shown(setting, getattr(part, setting.key))}"
                for setting in settings_of(table)
            ]
    return "\n".join(lines[1:]) + "\n"


def as_data(config: Config) -> dict[str, object]:
    """Give a whole configuration as JSON knows it."""

    def part(table: str, value: object) -> dict[str, object]:
        found: dict[str, object] = {}
        for setting in settings_of(table):
            item = getattr(value, setting.key)
            if isinstance(setting.wanted, Address):
                item = write_address(*item)
            elif isinstance(item, PairsValue):
                item = dict(item)
            elif isinstance(item, tuple):
                item = list(item)
            elif item is not None and not isinstance(item, bool | int):
                item = str(item)
            found[setting.key] = item
        return found

    data: dict[str, object] = {}
    for table in TABLES:
        value = getattr(config, table)
        if isinstance(value, tuple):
            data[table] = [part(table, item) for item in value]
        else:
            data[table] = part(table, value)
    return data


def commented_default(
    *,
    store: str = "store",
    listen: Iterable[Listen] = (),
    certificate: str = "",
    key: str = "",
) -> str:
    """Write the file that ``imapd init`` makes: every key is there and explained.

    What differs between servers is set; everything else stands commented out with
    its default. Paths are taken as they are, relative to the file.
    """
    given: dict[tuple[str, str], object] = {
        ("store", "path"): store,
        ("tls", "certificate"): certificate,
        ("tls", "key"): key,
    }
    lines = [
        "# The configuration of imapd. Relative paths begin at this file's folder.",
        "# What is commented out shows its default.",
    ]
    for table in TABLES:
        lines += ["", f"# {_about(table)}."]
        if table == "listen":
            lines += _listen_lines(tuple(listen) or Config().listen)
            continue
        if table == "certificate":
            lines += _sample_lines(table)
            continue
        lines.append(_header(table))
        for setting in settings_of(table):
            lines += _comment(setting)
            value = given.get((table, setting.key))
            if value:
                lines.append(f"{setting.key} = {write_value(value)}")
            else:
                lines.append(f"#{setting.key} = {shown(setting, setting.default)}")
    return "\n".join(lines) + "\n"


def _listen_lines(listens: tuple[Listen, ...]) -> list[str]:
    lines: list[str] = []
    for setting in settings_of("listen"):
        lines += _comment(setting, f"{setting.key}: ")
    for listen in listens:
        lines.append("[[listen]]")
        lines += [
            f"{setting.key} = {shown(setting, getattr(listen, setting.key))}"
            for setting in settings_of("listen")
        ]
    return lines


def _sample_lines(table: str) -> list[str]:
    """Write a list of tables of which there is none: all of it commented out."""
    lines: list[str] = []
    for setting in settings_of(table):
        lines += _comment(setting, f"{setting.key}: ")
    lines.append(f"# {_header(table)}")
    lines += [f'# {setting.key} = "…"' for setting in settings_of(table)]
    return lines


def _comment(setting: Setting, before: str = "") -> list[str]:
    text = f"{before}{setting.doc} ({setting.wanted.text})"
    return textwrap.wrap(
        text, 86, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def reference_page() -> str:
    """Write docs/reference/config.md."""
    lines = [
        "# Configuration",
        "",
        "One TOML file, given by `--config FILE` or the environment variable",
        "`IMAPD_CONFIG`. Without either, `./imapd.toml` is read if it is there, else",
        "`./var/imapd/imapd.toml`, which `imapd serve` makes on its first start.",
        "",
        "Relative paths begin at the folder of the file. A key or a table that is not",
        "on this page is refused, with its line and the nearest name. `imapd config",
        "check` tells everything that is wrong, `imapd config show` what holds.",
        "",
        "On SIGHUP the server reads `[limits]`, `[quota]`, `level` and `commands` of",
        "`[log]` and the files of `[tls]` and `[[certificate]]` again; everything else",
        "needs a restart, also in a worker that is replaced. A file that is wrong by",
        "then is logged, and what held goes on holding.",
        "",
        "This page is made by `python -m imapd.config`.",
    ]
    for table in TABLES:
        lines += ["", f"## `{_header(table)}`", "", f"{_about(table)}.", ""]
        if table == "certificate":
            lines += ["One table for each further certificate; there may be none.", ""]
        if table == "listen":
            lines += [
                "One table for each address. Without any, the server listens on",
                "`127.0.0.1:1143` (`starttls`) and `127.0.0.1:1993` (`implicit`).",
                "",
            ]
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{setting.key}` | {setting.wanted.text} | "
            f"`{shown(setting, setting.default)}` | {setting.doc} |"
            for setting in settings_of(table)
        ]
    return "\n".join(lines) + "\n"
