"""The NAMESPACE response, with its names in the client's language (RFC 2342 §5).

::

    * NAMESPACE (("" "/")) (("Other Users/" "/" "TRANSLATION" ("Andere Benutzer/")))
        (("Shared/" "/" "TRANSLATION" ("Gemeinsam/")))

A translation is for people to read; the name of a mailbox begins as ever. It is told
where the catalogue of the language has the name (RFC 5255 §3.4), which it has of those
that are configured by default.
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.languages import translated
from imapd.session.names import uses_utf8
from imapd.syntax.mailbox import DELIMITER
from imapd.wire import utf7
from imapd.wire.encode import string


def namespaces(context: Context) -> bytes:
    """Render one's own namespaces, that of others, and that of public mailboxes.

    What was removed from one's own mailboxes is nobody else's: it is personal.
    """
    names = context.account.namespaces
    # RFC 2342 §5: a client makes its mailboxes in the first of the personal ones.
    personal = [b'("" "%b")' % DELIMITER.encode("ascii")]
    if names.deleted:
        personal.append(_namespace(context, names.deleted))
    told = [
        b"".join(personal),
        *(_namespace(context, first) for first in (names.other_users, names.shared)),
    ]
    return b"NAMESPACE " + b" ".join(b"(%b)" % one if one else b"NIL" for one in told)


def _namespace(context: Context, first: str) -> bytes:
    """Render a namespace that has one prefix; nothing where it is switched off."""
    if not first:
        return b""
    prefix = first + DELIMITER
    octets = prefix.encode("utf-8") if uses_utf8(context) else utf7.encode(prefix)
    rendered = b'%b "%b"' % (string(octets), DELIMITER.encode("ascii"))
    shown = translated(first, context.session.telling.language)
    if shown != first:
        # RFC 5255 §3.5: modified UTF-7, whatever the session's names are in.
        text = string(utf7.encode(shown + DELIMITER))
        rendered += b' "TRANSLATION" (%b)' % text
    return b"(%b)" % rendered
