"""What can go wrong in the store, without a word of IMAP.

Each error carries ``text``, which is safe to show to a client, and ``detail``,
which is for the log alone. ``imapd.session.faults`` maps them to response codes.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of every error that the store raises on purpose.

    ``text`` never holds a path, another person's name or a message's content.
    """

    default = "the mail store could not do that"

    def __init__(self, text: str | None = None, *, detail: str = "") -> None:
        self.text = text or self.default
        self.detail = detail
        super().__init__(f"{self.text} ({detail})" if detail else self.text)


class NotFound(StoreError):
    """The mailbox, account or message does not exist for this caller."""

    default = "no such mailbox"


class AlreadyExists(StoreError):
    """The name is taken."""

    default = "the mailbox already exists"


class HasChildren(StoreError):
    """The mailbox cannot go while others live below it."""

    default = "the mailbox has inferior names"


class NotPermitted(StoreError):
    """The caller lacks a right."""

    default = "you may not do that here"


class ReadOnly(StoreError):
    """The mailbox was opened for reading only."""

    default = "the mailbox is open read-only"


class OverQuota(StoreError):
    """The owner's quota, or the disk, is full."""

    default = "there is no room for that"


class TooBig(StoreError):
    """One message is larger than the store takes."""

    default = "the message is too big"


class TooMany(StoreError):
    """A count limit (mailboxes, keywords, depth) was reached."""

    default = "a limit was reached"


class AnnotationTooBig(TooBig):
    """The value of a message's annotation is longer than the store takes."""

    default = "the annotation is too big"


class TooManyAnnotations(TooMany):
    """A message or a mailbox would have more annotations than it may."""

    default = "there are too many annotations"


class NoSuchPart(StoreError):
    """A message does not have the part that something is said of."""

    default = "a message has no such part"


class Expunged(StoreError):
    """Messages that the command names are gone."""

    default = "some of the messages no longer exist"


class InvalidName(StoreError):
    """No mailbox or account can have this name."""

    default = "that name is not possible"


class InvalidUse(StoreError):
    """No mailbox can have this special use (RFC 6154 §4)."""

    default = "no mailbox can have such a use"


class InvalidContent(StoreError):
    """The message holds what no message may hold (a NUL byte)."""

    default = "the message contains a NUL byte"


class UnknownEncoding(StoreError):
    """A part's transfer encoding can't be undone: not known, or damaged."""

    default = "the content's transfer encoding cannot be undone"


class Busy(StoreError):
    """Somebody else holds what is needed; asking again later helps."""

    default = "the mailbox is in use, try again"


class Unavailable(StoreError):
    """The store cannot write or read just now (disk, file system, shutdown)."""

    default = "the mail store is unavailable, try again later"


class DiskFull(Unavailable):
    """There is no room on the disk; removing mail makes some."""

    default = "the disk is full"


class Corrupt(StoreError):
    """Stored data is not what was written; nothing is served from it."""

    default = "the stored message is damaged"
