"""LITERAL-: small literals without waiting, in place of LITERAL+ (RFC 7888 §5).

::

    C: A001 LOGIN {11+}
    C: FRED FOOBAR {7+}
    C: fat man

A literal of more than 4,096 octets has to wait for its ``+``; one that doesn't is read,
dropped and answered with ``BAD [TOOBIG]``. For servers whose administrator would rather
refuse a big message before it was sent.
"""

from imapd.session.registry import Capability, Feature

FEATURE = Feature(
    name="LITERAL-",
    rfc=("7888",),
    capabilities=(Capability("LITERAL-"),),
    unasked_literal=4_096,
    instead_of=("LITERAL+",),
)
