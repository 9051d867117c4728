"""What an administrator may choose about the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mailstore.blobs import FileSystem
from mailstore.changes import ChangeBus
from mailstore.directory import DirectoryOptions
from mailstore.lanes import Runtime
from mailstore.model import SEEN, AccountId
from mailstore.quotas import NO_LIMITS, QuotaLimits
from mailstore.search.kept import DEFAULT, Kept
from mailstore.service.namespaces import Namespaces
from mailstore.service.reserve import Reserve

MIB = 2**20
DAY = 86_400


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How addresses lead to mailboxes, and what counts as the same message."""

    separators: str = "+"  # before the mailbox, in the local part of an address
    create_mailboxes: bool = False  # that an address names
    groups: bool = True  # whether the name of a group is an address
    duplicate_seconds: int = 0  # a Message-ID that comes again is dropped; 0: never


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How the store keeps mail. Sizes in octets, times in seconds."""

    blob_engine: str = "packs"  # how new messages are stored
    durable_flags: bool = False  # sync flag changes too before they are answered
    directory: DirectoryOptions = field(default_factory=DirectoryOptions)
    max_message: int = 64 * MIB
    max_mailboxes: int = 10_000
    free_space_floor: int = 64 * MIB  # below it nothing new is taken
    reserve: int = 8 * MIB  # given up when the disk is full, so that mail can go
    retention: int = 14 * DAY  # how long expunged messages are kept
    open_accounts: int = 256  # kept open while nobody uses them
    namespaces: Namespaces = field(default_factory=Namespaces)
    metadata_octets: int = 65_536  # of one annotation (RFC 5464)
    metadata_entries: int = 1_000  # of one mailbox, or of the server, and one owner
    annotation_octets: int = 65_536  # of one annotation of a message (RFC 5257)
    annotations_of_message: int = 50  # and one owner
    annotations_of_mailbox: int = 100_000  # and one owner
    search_cache: int = DEFAULT  # of text indexes, kept in memory
    quota: QuotaLimits = NO_LIMITS  # of an account for which none were set
    quota_warning: int = 90  # per cent of it from which one should say so; 0: never
    labels: bool = False  # a message changes when it comes to or leaves a mailbox
    emailid_of_copies: bool = False  # each has one of its own (RFC 8474 §5.1)
    private_flags: int = SEEN  # of each person in others' mailboxes, as a mask
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)


IndexElsewhere = Callable[[AccountId, bool], bool]
"""Has another process fill an account's text index, anew if so told; tells whether
it could be told."""


@dataclass(slots=True)
class Surroundings:
    """What a store works with: event loop, options, other workers, the disk.

    The options may be replaced by others while the store is open.
    """

    runtime: Runtime
    options: StoreOptions
    bus: ChangeBus
    files: FileSystem
    reserve: Reserve
    kept: Kept = field(default_factory=Kept)  # of the text indexes of all accounts
    index_elsewhere: IndexElsewhere | None = None  # None: threads of this process
