"""The header fields that are looked at when a message arrives, in lower case.

It holds names only. `LISTED` is what mail clients ask for with HEADER.FIELDS when
they show a mailbox; those lines are kept beside the index, so that a listing reads no
message. Example: ``BODY.PEEK[HEADER.FIELDS (DATE FROM TO SUBJECT)]``.
"""

from __future__ import annotations

# RFC 2045, RFC 1864 (MD5), RFC 2183, RFC 3282, RFC 2557
CONTENT = frozenset(
    {
        b"content-type",
        b"content-transfer-encoding",
        b"content-id",
        b"content-description",
        b"content-md5",
        b"content-disposition",
        b"content-language",
        b"content-location",
    }
)
# RFC 3501 §7.4.2
ENVELOPE = frozenset(
    {
        b"date",
        b"subject",
        b"from",
        b"sender",
        b"reply-to",
        b"to",
        b"cc",
        b"bcc",
        b"in-reply-to",
        b"message-id",
    }
)
# The position in this tuple is stored with each message: append only, at most 255.
LISTED = (
    # Thunderbird, Roundcube, mutt, K-9, Apple Mail: the common core
    b"date",
    b"from",
    b"to",
    b"cc",
    b"bcc",
    b"subject",
    b"message-id",
    b"references",
    b"in-reply-to",
    b"reply-to",
    b"sender",
    b"content-type",
    # Thunderbird
    b"priority",
    b"x-priority",
    b"newsgroups",
    # Roundcube: receipts and lists
    b"list-post",
    b"disposition-notification-to",
    b"return-receipt-to",
    b"mail-reply-to",
    b"mail-followup-to",
    b"importance",
    b"x-msmail-priority",
    b"x-draft-info",
    # mutt
    b"content-description",
    b"lines",
    b"list-id",
    b"list-subscribe",
    b"list-unsubscribe",
    b"x-label",
    b"x-original-to",
    # mbsync asks for nothing else; the answer is mostly empty
    b"x-tuid",
    # K-9
    b"x-k9mail-identity",
    # Apple Mail
    b"x-uniform-type-identifier",
    b"x-universally-unique-identifier",
    # Delta Chat
    b"x-microsoft-original-message-id",
    b"chat-version",
    b"chat-is-post-message",
    b"auto-submitted",
    b"autocrypt-setup-message",
    # what sorting and threading look at, and other MIME facts
    b"mime-version",
    b"content-transfer-encoding",
    b"content-language",
    b"content-disposition",
    b"followup-to",
    b"x-forwarded-message-id",
    b"x-mozilla-draft-info",
    b"x-mailer",
    b"user-agent",
)
MESSAGE = CONTENT | ENVELOPE
TOP = MESSAGE | frozenset(LISTED)
