"""CHECK and CLOSE: finishing with the selected mailbox (RFC 3501 §6.4.1, §6.4.2)."""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import Completed, Effects, Feature, States
from imapd.session.words import Bare, bare

_CHECKED = Completed("CHECK completed")


def run_check(_: Context, __: Bare) -> Completed:
    """Do nothing more than NOOP: what was answered is kept already."""
    return _CHECKED


async def run_close(context: Context, _: Bare) -> Completed:
    """Expunge without a word, then deselect; EXAMINE's mailbox stays as it is.

    So does one of which the right to expunge is missing (RFC 4314 §4).
    """
    mailbox = context.selected.mailbox
    if mailbox.may_expunge:
        with context.at_work():
            await mailbox.expunge()
    await context.deselect()
    return Completed("CLOSE completed")


FEATURE = Feature(
    name="CLOSE",
    rfc=("3501",),
    commands=(
        bare("CHECK", run_check, States.SELECTED, "RFC 3501 §6.4.1"),
        bare("CLOSE", run_close, States.SELECTED, "RFC 3501 §6.4.2", Effects.NO_SYNC),
    ),
)
