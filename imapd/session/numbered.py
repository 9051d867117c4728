"""Commands that name messages, in both forms: by number, and by UID behind UID."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from imapd.session.registry import (
    CommandSpec,
    Effects,
    Registry,
    Run,
    States,
)
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor


def both_forms(
    name: str,
    parse: Callable[[type[NumberSet], Cursor, Registry], Any],
    unparse: Callable[[Any], bytes],
    run: Run,
    *,
    rfc: tuple[str, str],
    effects: Effects = Effects.NONE,
) -> tuple[CommandSpec, CommandSpec]:
    """Give the specs of a command of the selected state, without UID and with it.

    ``parse`` is told what kind of set stands there, or goes into the answer. ``rfc``
    has a place for each form; ``effects`` are those of the form with numbers alone,
    during which they may not move (RFC 3501 §7.4.1).
    """

    def spec(
        form: str, numbers: type[NumberSet], place: str, what: Effects
    ) -> CommandSpec:
        return CommandSpec(
            name=form,
            parse=partial(parse, numbers),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc=place,
            effects=what,
        )

    by_number, by_uid = rfc
    return (
        spec(name, SequenceSet, by_number, effects | Effects.BY_NUMBER),
        spec(f"UID {name}", UidSet, by_uid, Effects.NONE),
    )
