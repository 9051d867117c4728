"""A value that must not be seen: passwords and SASL data."""

from __future__ import annotations

import hmac


class Secret:
    """Wraps octets so that no repr, log line or traceback shows them."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def reveal(self) -> bytes:
        """Give the octets, for the one who must check them."""
        return self._data

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._data, other._data)

    def __hash__(self) -> int:
        return hash((Secret, self._data))
