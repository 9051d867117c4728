"""The mailbox service: what sessions, deliveries and the command line work with.

Everything here is ``async def`` or reads memory; every call raises `StoreError`
alone. The parts: `Store` opens accounts, an `Account` has mailboxes by name, `Access`
is one login's way to its own account and to what others let it see, a `Mailbox` is one
that somebody has selected; a `Following` hears of them all.
"""

from mailstore.service.access import Access
from mailstore.service.account import Account
from mailstore.service.following import MAX_FOLLOWED, Following, Reached
from mailstore.service.mailbox import Mailbox
from mailstore.service.options import DeliveryOptions, StoreOptions
from mailstore.service.store import Store

__all__ = [
    "MAX_FOLLOWED",
    "Access",
    "Account",
    "DeliveryOptions",
    "Following",
    "Mailbox",
    "Reached",
    "Store",
    "StoreOptions",
]
