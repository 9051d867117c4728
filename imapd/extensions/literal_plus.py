"""LITERAL+: literals without waiting (RFC 7888).

::

    C: A001 LOGIN {11+}
    C: FRED FOOBAR {7+}
    C: fat man

Framing takes them always (`imapd.wire.framing`); this says so.
"""

from imapd.session.registry import Capability, Feature

FEATURE = Feature(
    name="LITERAL+", rfc=("7888",), capabilities=(Capability("LITERAL+"),)
)
