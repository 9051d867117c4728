"""GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208 §4.1).

::

    getquota        = "GETQUOTA" SP quota-root-name
    getquotaroot    = "GETQUOTAROOT" SP mailbox
    setquota        = "SETQUOTA" SP quota-root-name SP setquota-list

    C: G0002 GETQUOTAROOT INBOX
    S: * QUOTAROOT INBOX "#user/ann"
    S: * QUOTA "#user/ann" (STORAGE 104 10240 MESSAGE 42 1000)
    S: G0002 OK GETQUOTAROOT completed

Other people's usage is nobody's business (§8): only an administrator may ask for it,
or change limits.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from imapd.extensions.quota.roots import (
    RootName,
    parse_root_name,
    quota_response,
    quotaroot_response,
)
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import existing_name, uses_utf8
from imapd.session.registry import Completed, Registry
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from mailstore.errors import NotFound, NotPermitted
from mailstore.quotas import QuotaLimits, Resource
from mailstore.service import Access, Account

_RESOURCE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MOST = 16  # resources that one SETQUOTA may name


@dataclass(frozen=True, slots=True)
class GetQuota:
    """Tell one root; its name is as the client wrote it."""

    root: bytes


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """Tell the roots of a mailbox; its name is as the client wrote it."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class SetQuota:
    """Give a root limits, by resource in upper case, instead of those it had."""

    root: bytes
    limits: tuple[tuple[str, int], ...]


# -- grammar


def parse_get(cursor: Cursor, _: Registry) -> GetQuota:
    """Take the argument of GETQUOTA. Raises `Malformed`."""
    cursor.sp()
    root = cursor.astring()
    cursor.end()
    return GetQuota(root)


def unparse_get(node: GetQuota) -> bytes:
    """Write the command as a client would."""
    return b"GETQUOTA " + unparse_name(node.root)


def parse_get_root(cursor: Cursor, _: Registry) -> GetQuotaRoot:
    """Take the argument of GETQUOTAROOT. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.end()
    return GetQuotaRoot(mailbox)


def unparse_get_root(node: GetQuotaRoot) -> bytes:
    """Write the command as a client would."""
    return b"GETQUOTAROOT " + unparse_name(node.mailbox)


def parse_set(cursor: Cursor, _: Registry) -> SetQuota:
    """Take the arguments of SETQUOTA. Raises `Malformed`."""
    cursor.sp()
    root = cursor.astring()
    cursor.sp()
    limits: dict[str, int] = {}

    def one() -> None:
        start = cursor.at
        name = cursor.need(_RESOURCE, "a resource")[0].decode("ascii").upper()
        if name in limits or len(limits) >= _MOST:
            cursor.at = start
            raise cursor.fail(f"{name} once" if name in limits else "fewer resources")
        cursor.sp()
        limits[name] = cursor.number64()

    cursor.parenthesised(one)
    cursor.end()
    return SetQuota(root, tuple(limits.items()))


def unparse_set(node: SetQuota) -> bytes:
    """Write the command as a client would."""
    limits = " ".join([f"{name} {most}" for name, most in node.limits])
    return b"SETQUOTA %b (%b)" % (unparse_name(node.root), limits.encode("ascii"))


# -- handlers


async def run_get(context: Context, node: GetQuota) -> Completed:
    """Tell what is used of a root. Raises `No`: no such root, or somebody else's."""
    name = parse_root_name(context, node.root)
    async with _account_of(context, name) as account:
        root = await account.quota.root(name.top)
    utf8 = uses_utf8(context)
    context.reply.untagged(quota_response(account.name, root, utf8=utf8))
    return Completed("GETQUOTA completed")


async def run_get_root(context: Context, node: GetQuotaRoot) -> Completed:
    """Tell the roots of a mailbox that there is, or might be.

    Raises `No` when no mailbox can have this name.
    """
    name = existing_name(context, node.mailbox, trailing=True)
    account, utf8 = context.account, uses_utf8(context)
    roots = await account.quota.roots(name)
    say = context.reply.untagged
    say(quotaroot_response(name, account.name, roots, utf8=utf8))
    for root in roots:
        say(quota_response(account.name, root, utf8=utf8))
    return Completed("GETQUOTAROOT completed")


async def run_set(context: Context, node: SetQuota) -> Completed:
    """Set limits. What is there stays, also where it is more than they allow.

    Raises `No`: no such account, no right, a resource that is not known.
    """
    if not context.is_admin:
        raise NotPermitted("only an administrator may set a quota")
    context.account.check_writable()
    limits = _limits(node)
    name = parse_root_name(context, node.root)
    async with _account_of(context, name) as account:
        await account.quota.set(name.top, limits)
        roots = await account.quota.roots(name.top or None)
    utf8 = uses_utf8(context)
    for root in roots:
        if root.top == name.top:
            context.reply.untagged(quota_response(account.name, root, utf8=utf8))
    return Completed("SETQUOTA completed")


def _limits(node: SetQuota) -> QuotaLimits:
    chosen = dict(node.limits)
    known = {one.value for one in Resource}
    for name in chosen:
        if name not in known:
            raise No(f"{name} is nothing that can be limited here", "CANNOT")
    return QuotaLimits(*[chosen.get(one.value) for one in Resource])


@asynccontextmanager
async def _account_of(
    context: Context, name: RootName
) -> AsyncIterator[Account | Access]:
    """Open the account that a root is of. Raises `NotFound`, `NotPermitted`."""
    directory = context.services.store.directory
    found = directory.find(name.account)
    if found is not None and found.id == context.account.id:
        yield context.account
        return
    if not context.is_admin:
        # Whether there is such an account is not told either.
        raise NotPermitted("that is somebody else's quota")
    if found is None:
        raise NotFound("there is no such quota root")
    account = await context.services.store.account(found.id)
    try:
        yield account
    finally:
        await account.close()
