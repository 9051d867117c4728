"""LOGIN-REFERRALS: people whose mail is on another server (RFC 2221).

::

    C: A001 LOGIN MIKE PASSWORD
    S: A001 NO [REFERRAL imap://MIKE;AUTH=*@server2.example.org/] try there

The configuration says who is where; without such people there is no capability. A
referral is given to who has proved to be that person, and to nobody else (§6).
"""

from __future__ import annotations

from urllib.parse import quote

from imapd.session.context import Context
from imapd.session.credentials import Grant
from imapd.session.faults import No
from imapd.session.registry import Capability, Feature
from imapd.session.state import SessionState


def refer(context: Context, grant: Grant) -> None:
    """Send somebody to his server. Raises `No` REFERRAL."""
    place = context.services.referrals.get(grant.user.lower())
    if place is None:
        return
    # RFC 2221 §3: with a mechanism, or the client might come as anonymous. A bracket
    # would end the response code.
    url = f"imap://{quote(grant.user, safe='')};AUTH=*@{quote(place, safe=':.')}/"
    raise No("your mail is on another server", f"REFERRAL {url}")


def _refers(session: SessionState) -> bool:
    return session.refers


FEATURE = Feature(
    name="LOGIN-REFERRALS",
    rfc=("2221",),
    capabilities=(Capability("LOGIN-REFERRALS", _refers),),
    login_checks=(refer,),
    requires=("LOGIN",),
)
