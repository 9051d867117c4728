"""Which account a client's certificate is for, as the configuration says.

::

    map = {"email:ann@example.org" = "ann", "sha256:1f…" = "bob"}

Without an entry a name that stands in the certificate is an account's own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailstore.directory import lookup_key
from mailstore.errors import InvalidName

if TYPE_CHECKING:
    from imapd.auth.certificate_names import CertificateNames

KINDS = ("email", "upn", "sha256")


@dataclass(frozen=True, slots=True)
class CertificateMap:
    """``entries``: account names by ``kind:name``; ``names``: the kinds that count.

    With ``only_mapped`` a name that has no entry is nobody's.
    """

    entries: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ("email", "upn")
    only_mapped: bool = False

    def __post_init__(self) -> None:
        for key in self.entries:
            kind, colon, rest = key.partition(":")
            if kind not in KINDS or not colon or not rest:
                raise ValueError(
                    f"{key!r} is not email:NAME, upn:NAME or sha256:FINGERPRINT"
                )
        # Names are compared without case, as accounts are.
        folded = {_folded(key): account for key, account in self.entries.items()}
        object.__setattr__(self, "entries", folded)

    def accounts(self, names: CertificateNames) -> list[str]:
        """Give the names of the accounts that a certificate may be for, no one twice.

        The fingerprint's entry decides alone.
        """
        pinned = self.entries.get(_folded(f"sha256:{names.fingerprint}"))
        if pinned is not None:
            return [pinned]
        found: dict[str, None] = {}
        for kind, held in (("email", names.emails), ("upn", names.upns)):
            if kind not in self.names:
                continue
            for name in held:
                mapped = self.entries.get(_folded(f"{kind}:{name}"))
                if mapped is None and not self.only_mapped:
                    mapped = name
                if mapped is not None:
                    found[mapped] = None
        return list(found)


def _folded(key: str) -> str:
    kind, _, name = key.partition(":")
    if kind == "sha256":
        return f"{kind}:{name.replace(':', '').lower()}"
    try:
        return f"{kind}:{lookup_key(name)}"
    except InvalidName:
        return key
