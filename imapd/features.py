"""The features of this server, in the order in which capabilities are told.

A new one is a module and a line here; ``[features] off`` takes one away by its name.
"""

from __future__ import annotations

from imapd.commands import (
    append,
    authenticate,
    capability,
    close,
    copy,
    create,
    delete,
    expunge,
    fetch,
    login,
    lsub,
    search,
    select,
    starttls,
    status,
    store,
    subscribe,
)
from imapd.commands import list as list_
from imapd.extensions import (
    appendlimit,
    binary,
    children,
    compress,
    enable,
    esearch,
    id,  # noqa: A004 - the RFC's name
    idle,
    list_extended,
    list_status,
    literal_plus,
    move,
    multiappend,
    namespace,
    sasl_ir,
    special_use,
    status_size,
    uidplus,
    unselect,
)
from imapd.session.registry import Feature

ALL: tuple[Feature, ...] = (
    capability.FEATURE,
    starttls.FEATURE,
    login.FEATURE,
    authenticate.FEATURE,
    sasl_ir.FEATURE,
    literal_plus.FEATURE,
    id.FEATURE,
    enable.FEATURE,
    select.FEATURE,
    create.FEATURE,
    delete.FEATURE,
    subscribe.FEATURE,
    list_.FEATURE,
    lsub.FEATURE,
    status.FEATURE,
    append.FEATURE,
    close.FEATURE,
    expunge.FEATURE,
    search.FEATURE,
    esearch.FEATURE,
    fetch.FEATURE,
    store.FEATURE,
    copy.FEATURE,
    idle.FEATURE,
    namespace.FEATURE,
    children.FEATURE,
    list_extended.FEATURE,
    special_use.FEATURE,
    list_status.FEATURE,
    status_size.FEATURE,
    uidplus.FEATURE,
    unselect.FEATURE,
    move.FEATURE,
    compress.FEATURE,
    multiappend.FEATURE,
    appendlimit.FEATURE,
    binary.FEATURE,
)
