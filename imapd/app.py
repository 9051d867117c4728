"""The composition root: the one place where configuration becomes a server."""

from __future__ import annotations

from imapd.config import Config
from mailstore.service import StoreOptions


def store_options(config: Config) -> StoreOptions:
    """Say the store's settings in the store's own terms."""
    return StoreOptions(
        blob_engine=config.store.blob_engine,
        durable_flags=config.store.durable_flags,
        bcrypt_cost=config.auth.bcrypt_cost,
        max_message=config.limits.message,
        max_mailboxes=config.store.max_mailboxes,
        free_space_floor=config.store.free_space_floor,
        retention=config.store.retention_days * 86_400,
        open_accounts=config.store.open_accounts,
    )
