"""UIDONLY: a session without message numbers (RFC 9586).

::

    capability         =/ "UIDONLY"
    uidfetch-resp       = uniqueid SP "UIDFETCH" SP msg-att

    a1 ENABLE UIDONLY
    * ENABLED UIDONLY
    a3 UID FETCH 25900:26600 (FLAGS)
    * 25996 UIDFETCH (FLAGS (\\Seen))
    a3 OK UID FETCH completed
    a4 FETCH 1 (FLAGS)
    a4 BAD [UIDREQUIRED] FETCH: messages have UIDs here, no numbers

A client that keeps no numbers is spared their upkeep. What is told and taken then is
the business of views, of the dispatcher, and of who takes numbers.
"""

from __future__ import annotations

from imapd.session.registry import Capability, Enabling, Feature
from imapd.session.state import SessionState


def _enable(session: SessionState) -> None:
    session.telling.uid_only = True


FEATURE = Feature(
    name="UIDONLY",
    rfc=("9586",),
    capabilities=(Capability("UIDONLY"),),
    enables=(Enabling("UIDONLY", _enable),),
    requires=("ENABLE",),
)
