"""``imapd capabilities``: what the server can do, feature by feature.

::

    $ imapd capabilities
    on   IDLE          RFC 2177  since 0.1.0  IDLE
    off  SORT          RFC 5256  since 0.1.0  SORT

With a configuration the features that it switches off are told as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imapd.cli.settings import Settings, Stop, json_option, pass_settings

if TYPE_CHECKING:
    from imapd.session.registry import Feature


@click.command()
@json_option
@pass_settings
def command(settings: Settings, as_json: bool) -> None:
    """Print the features of this server: on or off, RFC, since when, capabilities."""
    from imapd.features import ALL

    off = {name.upper() for name in _switched_off(settings)}
    rows = [_facts(feature, on=feature.name.upper() not in off) for feature in ALL]
    if as_json:
        settings.echo_json(rows)
        return
    wide = max(len(feature.name) for feature in ALL)
    for row, feature in zip(rows, ALL, strict=True):
        rfcs = "RFC " + ", ".join(feature.rfc) if feature.rfc else "no RFC"
        told = " ".join(capability.text for capability in feature.capabilities)
        state = "on " if row["on"] else "off"
        line = (
            f"{state} {feature.name:{wide}}  {rfcs:22}  since {feature.since}  {told}"
        )
        click.echo(line.rstrip())


def _switched_off(settings: Settings) -> tuple[str, ...]:
    """Give what the configuration switches off; nothing when there is none."""
    try:
        _ = settings.path
    except Stop:
        return ()
    return settings.config.features.off


def _facts(feature: Feature, *, on: bool) -> dict[str, object]:
    return {
        "feature": feature.name,
        "on": on,
        "rfc": list(feature.rfc),
        "since": feature.since,
        "capabilities": [capability.text for capability in feature.capabilities],
        "commands": [command.name for command in feature.commands],
    }
