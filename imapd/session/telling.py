"""How one session is told of its mailbox: the switches that features turn.

Plain sessions are told ``* 3 EXPUNGE`` and ``* 3 FETCH (FLAGS (\\Seen))``. A feature
may change the form, for the rest of the connection, by its ENABLE name or by a
parameter; what is told, and when, is the view's business. It must not know which
feature turned a switch::

    * 3 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))     modseqs
    * VANISHED 7,9:11                                vanished
    * 7 UIDFETCH (FLAGS (\\Seen))                    uid_only
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.languages import DEFAULT


@dataclass(slots=True)
class Telling:
    """One session's switches; its view and its commands share this object."""

    modseqs: bool = False
    """FETCH responses of flags carry UID and MODSEQ (RFC 7162 §3.2.4)."""

    vanished: bool = False
    """Removals are told by UID (RFC 7162 §3.2.10)."""

    uid_only: bool = False
    """No message number is told or taken (RFC 9586); implies ``vanished``."""

    uids: bool = False
    """FETCH responses that nobody asked for carry the UID (RFC 9051 §7.5.2)."""

    recent: bool = True
    """\\Recent, the count of such messages, and the first unseen one are told."""

    esearch: bool = False
    """SEARCH is answered by ESEARCH always (RFC 9051 §6.4.4)."""

    utf8: bool = False
    """Names and quoted strings are UTF-8, in both directions (RFC 6855 §3)."""

    charsets: bool = True
    """Searches may name a charset; else their strings are UTF-8 (RFC 6855 §3)."""

    global_messages: bool = False
    """A message/global part is told as the message that it is (RFC 9051 §9)."""

    old_names: bool = False
    """A name that a client wrote in another form is told (RFC 9051 §6.3.9.7)."""

    language: str = DEFAULT
    """What people read is told in it (RFC 5255 §3.2)."""

    @property
    def fetch(self) -> bytes:
        """The name of the response that tells a message's items."""
        return b"UIDFETCH" if self.uid_only else b"FETCH"

    def with_uid(self, asked: bool) -> bool:
        """Tell whether FETCH responses of flags carry the UID, ``asked`` for or not.

        It goes together with MODSEQ (RFC 7162 §3.2.4).
        """
        return (asked or self.modseqs or self.uids) and not self.uid_only
