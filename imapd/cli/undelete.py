"""``imapd undelete``: what people removed, by which sessions, and bringing it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from imapd.cli.people import (
    account_option,
    in_words,
    open_account,
    open_with_store,
    shared_with,
    when,
)
from imapd.cli.settings import Settings, json_option, pass_settings
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.index.undelete import Place
    from mailstore.ranges import Range
    from mailstore.service.undelete import (
        Removed,
        Restored,
        Session,
        Undelete,
        WantedRemovals,
    )

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_UIDS = re.compile(r"\d{1,10}(:(\d{1,10}|\*))?(,\d{1,10}(:(\d{1,10}|\*))?)*")
_LAST = 2**32 - 1


class Moment(click.ParamType[datetime]):
    """A moment: ISO 8601, or how long ago, as ``2h``."""

    name = "time"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        """Read it; without a zone it is UTC."""
        if isinstance(value, datetime):
            return value
        ago = _AGO.fullmatch(value)
        if ago is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("2026-11-25, 2026-11-25T14:00, 90m, 2h or 3d", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


class Uids(click.ParamType["tuple[Range, ...]"]):
    """UIDs, as ``7``, ``7:9`` or ``3,7:*``."""

    name = "uids"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[Range, ...]:
        """Read them as ranges."""
        if isinstance(value, tuple):
            return value
        if not _UIDS.fullmatch(value):
            self.fail("7, 7:9 or 3,7:*", param, ctx)
        found = []
        for part in value.split(","):
            low, _, high = part.partition(":")
            ends = int(low), _LAST if high == "*" else int(high or low)
            found.append((min(ends), max(ends)))
        return tuple(found)


_OPTIONS = (
    click.option("--mailbox", help="What was removed from this mailbox."),
    click.option(
        "--uid", "uids", type=Uids(), help="The UIDs that messages had there."
    ),
    click.option("--since", type=Moment(), help="Removed since: a date, or 2h, 3d."),
    click.option("--until", type=Moment(), help="Removed before."),
    click.option(
        "--session", help="Removed by this session: its id in the log, or its number."
    ),
    click.option("--lost", is_flag=True, help="Only messages without any copy left."),
    click.option(
        "--replaced", is_flag=True, help="Also versions that newer ones replaced."
    ),
)


def _wanted_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """List and restore removed messages and deleted mailboxes.

    They are kept for `[store] retention_days`.
    """


@command.command(name="list")
@account_option
@_wanted_options
@json_option
@pass_settings
def list_(settings: Settings, /, account: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - the options
    """List what can be restored, in the order in which it was removed."""
    which = _wanted(**wanted)
    with _undelete(settings, account) as undelete:
        gone = [] if which.uids else settings.run(undelete.deleted_mailboxes(which))
        found = settings.run(undelete.removed(which))
    if as_json:
        settings.echo_json(
            {
                "mailboxes": [_place_data(place) for place in gone],
                "messages": [_removed_data(one) for one in found],
            }
        )
        return
    for place in gone:
        click.echo(f"{when(place.at)}  mailbox {escaped(place.name)} was deleted")
    for one in found:
        click.echo("  ".join(_words(one)))


@command.command()
@account_option
@_wanted_options
@json_option
@pass_settings
def restore(settings: Settings, /, account: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - the options
    """Restore messages, and the mailboxes that were deleted, to where they were.

    Say which: by mailbox, time or session. They get new UIDs, their flags and dates
    are as they were, and nothing is restored twice. The server may go on running.
    """
    which = _wanted(**wanted)
    given = (which.mailbox, which.since, which.until, which.session)
    if all(one is None for one in given):
        raise click.UsageError("say which: --mailbox, --since, --until or --session")
    from mailstore.service.undelete import Undelete

    with open_with_store(settings, account) as (store, opened):
        done = settings.run(Undelete(opened).restore(which))
        # Rights that come back do so in nobody's absence.
        shared = {
            one.mailbox: shared_with(store, opened, one.mailbox)
            for one in done
            if one.made
        }
    if as_json:
        settings.echo_json(
            [_restored_data(one, shared.get(one.mailbox, {})) for one in done]
        )
        return
    for one in done:
        made = ", made again" if one.made else ""
        name = escaped(one.mailbox)
        more = in_words(shared.get(one.mailbox, {}))
        click.echo(f"{name}: {len(one.uids)} messages restored{made}{more}")
    if not done:
        click.echo("nothing to restore")


@command.command()
@account_option
@json_option
@pass_settings
def sessions(settings: Settings, account: str, as_json: bool) -> None:
    """List sessions that removed what can be restored.

    Each with its number, its id in the log, who it was, from where, with what
    program, and how many messages and mailboxes it removed.
    """
    with _undelete(settings, account) as undelete:
        found = settings.run(undelete.sessions())
    if as_json:
        settings.echo_json([_session_data(one) for one in found])
        return
    for one in found:
        who = one.acting
        click.echo(
            f"{one.number:>4}  {escaped(who.session)}  {when(who.since)}"
            f"  {escaped(who.user)}  {escaped(who.address or '-')}"
            f"  {escaped(who.client or '-')}"
            f"  {one.messages} messages, {one.mailboxes} mailboxes"
        )


@contextmanager
def _undelete(settings: Settings, account: str) -> Iterator[Undelete]:
    from mailstore.service.undelete import Undelete

    with open_account(settings, account) as opened:
        yield Undelete(opened)


def _wanted(
    *,
    mailbox: str | None,
    uids: tuple[Range, ...] | None,
    since: datetime | None,
    until: datetime | None,
    session: str | None,
    lost: bool,
    replaced: bool,
) -> WantedRemovals:
    from imapd.cli.people import mailbox_name
    from mailstore.service.undelete import WantedRemovals

    if uids and mailbox is None:
        raise click.UsageError("--uid needs --mailbox")
    return WantedRemovals(
        None if mailbox is None else mailbox_name(mailbox),
        uids or (),
        None if since is None else int(since.timestamp()),
        None if until is None else int(until.timestamp()),
        session,
        lost,
        replaced,
    )


def _words(one: Removed) -> Iterator[str]:
    yield when(one.at) or ""
    yield f"{escaped(one.mailbox)}/;UID={one.uid}"
    yield one.how.name.lower().replace("_", "-")
    yield "-" if one.by is None else escaped(one.by.acting.session)
    yield f"{one.size}"
    yield escaped(one.sender or "-")
    yield escaped(one.subject or "-")
    if one.elsewhere:
        yield f"(also in {', '.join(map(escaped, one.elsewhere))})"


def _place_data(place: Place) -> dict[str, Any]:
    return {"mailbox": place.name, "deleted": when(place.at), "by": place.remover}


def _removed_data(one: Removed) -> dict[str, Any]:
    return {
        "mailbox": one.mailbox,
        "mailbox_deleted": one.mailbox_gone,
        "uid": one.uid,
        "removed": when(one.at),
        "how": one.how.name.lower().replace("_", "-"),
        "session": None if one.by is None else one.by.acting.session,
        "by": None if one.by is None else one.by.id,
        "user": None if one.by is None else one.by.acting.user,
        "size": one.size,
        "subject": one.subject,
        "from": one.sender,
        "sent": when(one.sent),
        "elsewhere": list(one.elsewhere),
    }


def _restored_data(one: Restored, shared: dict[str, str]) -> dict[str, Any]:
    return {
        "shared_with": shared,
        "mailbox": one.mailbox,
        "was": one.was,
        "made": one.made,
        "messages": len(one.uids),
        "uids": [{"was": old, "is": new} for old, new in one.uids],
    }


def _session_data(one: Session) -> dict[str, Any]:
    return {
        "number": one.number,
        "session": one.acting.session,
        "since": when(one.acting.since),
        "user": one.acting.user,
        "address": one.acting.address,
        "client": one.acting.client,
        "last": when(one.last),
        "messages": one.messages,
        "mailboxes": one.mailboxes,
    }
