"""Names in the form in which they are compared."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from mailstore.errors import InvalidName

_MOST = 255  # octets
_NEVER = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")


def normal(name: str) -> str:
    """Give a name in its one form of Unicode. Raises `InvalidName`."""
    text = unicodedata.normalize("NFC", name)
    if not text or len(text.encode("utf-8", "replace")) > _MOST:
        raise InvalidName("a user name has 1 to 255 octets")
    if text != text.strip() or "/" in text:
        raise InvalidName("a user name has no space at its ends, and no slash")
    # Format characters don't show: "ann" and "a<zero width space>nn" look alike.
    if any(unicodedata.category(char) in _NEVER for char in text):
        raise InvalidName("a user name has no control characters")
    return text


@lru_cache(maxsize=1_024)
def lookup_key(name: str) -> str:
    """Give the form in which names are compared. Raises `InvalidName`.

    In the spirit of RFC 8265 §3.3, UsernameCaseMapped.
    """
    return unicodedata.normalize("NFC", normal(name).casefold())


def parted(key: str) -> tuple[str, str | None]:
    """Part an address at its last ``@``; the domain is None if there is none."""
    local, at, domain = key.rpartition("@")
    return (local, domain) if at else (key, None)
