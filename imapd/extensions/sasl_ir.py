"""SASL-IR: the first response with the command itself (RFC 4959).

::

    C: A01 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=
    S: A01 OK AUTHENTICATE completed

AUTHENTICATE takes it always; this says so while it is of use.
"""

from imapd.session.registry import Capability, Feature

FEATURE = Feature(
    name="SASL-IR",
    rfc=("4959",),
    capabilities=(
        Capability("SASL-IR", lambda s: s.account is None and s.may_login_now),
    ),
    requires=("AUTHENTICATE",),
)
