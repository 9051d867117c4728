"""What a handler raises when a command cannot be done, and what the client reads.

The store's errors speak no IMAP: `fault_of` is the one table that gives them
response codes (RFC 5530 §3).
"""

from __future__ import annotations

from mailstore import errors


class Fault(Exception):
    """Ends a command with a tagged NO or BAD.

    ``code`` is the text between the brackets of a response code, or None.
    """

    status = b"NO"

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class No(Fault):
    """The command was understood and is refused (RFC 3501 §7.1.2)."""


class Bad(Fault):
    """The command makes no sense here (RFC 3501 §7.1.3)."""

    status = b"BAD"


class Bye(Exception):
    """The session ends: untagged BYE with this text (RFC 3501 §7.1.5)."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class ConnectionGone(Exception):
    """The client is no longer there; nothing can be told to it."""


CODES: dict[type[errors.StoreError], str | None] = {
    errors.NotFound: "NONEXISTENT",
    errors.AlreadyExists: "ALREADYEXISTS",
    errors.HasChildren: "HASCHILDREN",  # RFC 9051 §7.1
    errors.NotPermitted: "NOPERM",
    errors.ReadOnly: "READ-ONLY",
    errors.OverQuota: "OVERQUOTA",
    errors.TooBig: "TOOBIG",  # RFC 7889 §4
    errors.TooMany: "LIMIT",
    errors.AnnotationTooBig: "ANNOTATE TOOBIG",  # RFC 5257 §4.5
    errors.TooManyAnnotations: "ANNOTATE TOOMANY",
    errors.Expunged: "EXPUNGEISSUED",
    errors.InvalidName: "CANNOT",
    errors.InvalidUse: "USEATTR",  # RFC 6154 §6
    errors.InvalidContent: "CANNOT",
    errors.UnknownEncoding: "UNKNOWN-CTE",  # RFC 3516 §4.3
    errors.Busy: "INUSE",
    errors.Unavailable: "UNAVAILABLE",
    errors.Corrupt: "CORRUPTION",
    errors.StoreError: None,
}


def fault_of(error: errors.StoreError) -> Fault:
    """Give the NO that tells a client of a store error (RFC 5530 §3).

    Where the client named what no command could make sense of, it is BAD.
    """
    if isinstance(error, errors.NoSuchPart):
        return Bad(error.text)  # RFC 5257 §3.2.1
    for kind in type(error).__mro__:
        if kind in CODES:
            return No(error.text, CODES[kind])
    return No(error.text)
