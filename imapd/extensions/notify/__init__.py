"""NOTIFY: one connection that hears of all mailboxes (RFC 5465).

::

    C: a1 NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge))
            (personal (MessageNew MessageExpunge MailboxName))
    S: a1 OK NOTIFY completed
    S: * STATUS Lists (MESSAGES 501 UIDNEXT 10000 UIDVALIDITY 4 UNSEEN 3)

`syntax` has the command, `interests` says which events of which mailboxes are wanted,
`watch` follows the account and tells, `lists` and `counts` make the responses.
"""

from __future__ import annotations

from imapd.extensions.notify.handler import run
from imapd.extensions.notify.syntax import Notify, parse, unparse
from imapd.session.registry import Capability, CommandSpec, Feature, States

__all__ = ["FEATURE", "Notify"]

FEATURE = Feature(
    name="NOTIFY",
    rfc=("5465",),
    capabilities=(Capability("NOTIFY"),),
    commands=(
        CommandSpec(
            name="NOTIFY",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 5465 §3.1",
        ),
    ),
    requires=("FETCH", "LIST", "STATUS"),
)
