"""What may be kept, and what is: the values of quotas (RFC 9208).

It must not know who limits whom, or where usage is counted.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace


class Resource(enum.Enum):
    """What a quota root limits (RFC 9208 §5)."""

    STORAGE = "STORAGE"  # units of 1024 octets
    MESSAGE = "MESSAGE"
    MAILBOX = "MAILBOX"
    ANNOTATION_STORAGE = "ANNOTATION-STORAGE"  # units of 1024 octets


_OF_MESSAGES = (Resource.STORAGE, Resource.MESSAGE)


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """The most there may be of each resource; None: no limit."""

    storage: int | None = None
    message: int | None = None
    mailbox: int | None = None
    annotation_storage: int | None = None

    def __post_init__(self) -> None:
        for one in map(self.of, Resource):
            if one is not None and not 0 <= one < 2**63:  # RFC 9208 §3.1.2
                raise ValueError("a limit has 63 bits")

    def of(self, resource: Resource) -> int | None:
        """Give the limit of one resource."""
        match resource:
            case Resource.STORAGE:
                return self.storage
            case Resource.MESSAGE:
                return self.message
            case Resource.MAILBOX:
                return self.mailbox
            case Resource.ANNOTATION_STORAGE:
                return self.annotation_storage

    @property
    def limited(self) -> tuple[Resource, ...]:
        """The resources that have a limit."""
        return () if self is NO_LIMITS else _limited(self)


NO_LIMITS = QuotaLimits()


def _limited(limits: QuotaLimits) -> tuple[Resource, ...]:
    return tuple([one for one in Resource if limits.of(one) is not None])


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """What is there of each resource, exactly."""

    octets: int = 0
    messages: int = 0
    mailboxes: int = 0
    annotation_octets: int = 0

    def of(self, resource: Resource) -> int:
        """Give it in the resource's unit: a part of one counts as one."""
        match resource:
            case Resource.STORAGE:
                return -(-self.octets // 1024)
            case Resource.ANNOTATION_STORAGE:
                return -(-self.annotation_octets // 1024)
            case Resource.MESSAGE:
                return self.messages
            case Resource.MAILBOX:
                return self.mailboxes

    def plus(self, octets: int, messages: int) -> QuotaUsage:
        """Give what it would be with some more."""
        return replace(
            self, octets=self.octets + octets, messages=self.messages + messages
        )


@dataclass(frozen=True, slots=True)
class QuotaRoot:
    """Mailboxes that have limits together (RFC 9208 §3.2).

    Those named ``top`` and below, whether there is such a mailbox or not; all of an
    account when it is empty. ``chosen`` tells that the limits were set for it and are
    not those of every account.
    """

    top: str
    limits: QuotaLimits
    usage: QuotaUsage
    chosen: bool = True

    def filled(self, share: int) -> tuple[Resource, ...]:
        """Give what limits messages and is used by at least ``share`` per cent."""
        return tuple(
            [
                one
                for one in self.limits.limited
                if one in _OF_MESSAGES
                and (used := self.usage.of(one)) > 0
                and used * 100 >= (self.limits.of(one) or 0) * share
            ]
        )
