"""From credentials to an account: what all ways to log in have in common."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from imapd.session.context import Context, Services
from imapd.session.credentials import Grant, LoginRefused
from imapd.session.faults import Bad, Bye, No
from imapd.session.registry import Completed
from mailstore.errors import NotFound
from mailstore.service import Access

T = TypeVar("T")

REFUSALS = {
    "AUTHENTICATIONFAILED": "the user name or the password is wrong",
    "AUTHORIZATIONFAILED": "you may not act for that user",
}


def check_may_login(context: Context) -> None:
    """Refuse passwords that others could read (RFC 3501 §6.2.3, RFC 5530 §3).

    Raises `No`.
    """
    if not context.session.may_login_now:
        raise No("passwords need TLS here: use STARTTLS first", "PRIVACYREQUIRED")


async def proved(context: Context, proof: Awaitable[T]) -> T:
    """Wait for a proof, and log and count what is refused.

    Raises `No` with the code of the refusal, whatever was wrong, and `Bye` after too
    many.
    """
    try:
        return await proof
    except LoginRefused as refused:
        raise _refusal(context, refused) from None


def _refusal(context: Context, refused: LoginRefused) -> No | Bye:
    session, services = context.session, context.services
    note_refusal(services, _visitor(context), refused)
    session.login_failures += 1
    if session.login_failures >= services.limits().login_failures:
        return Bye("too many failures to log in")
    return No(REFUSALS[refused.code], refused.code)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A connection that somebody logs in by, of whatever protocol."""

    id: str
    address: str
    secure: bool
    protocol: str = "imap"


def _visitor(context: Context) -> Visitor:
    session = context.session
    return Visitor(session.id, session.peer.address, session.secure)


def note_refusal(services: Services, visitor: Visitor, refused: LoginRefused) -> None:
    """Log that somebody was refused."""
    services.log.event(
        "login-failed",
        id=visitor.id,
        user=refused.user,
        address=visitor.address,
        reason=refused.reason,
        **_protocol(visitor),
    )


async def enter(context: Context, grant: Grant, command: str) -> Completed:
    """Open the account that was granted.

    Raises `No` when it has too many connections, and what `LoginCheck`s raise.
    """
    session = context.session
    for check in context.registry.login_checks:
        check(context, grant)
    account = await open_granted(context.services, _visitor(context), grant)
    session.account, session.user, session.admin = account, account.name, grant.admin
    capabilities = context.registry.capability_text(session)
    return Completed(f"{command} completed", f"CAPABILITY {capabilities}")


async def open_granted(services: Services, visitor: Visitor, grant: Grant) -> Access:
    """Open the account that was granted, count the session and log the login.

    The session gives both back at its end. Raises `No` when the account has too many
    connections or was removed this very moment, and store errors.
    """
    if not services.admission.login(grant.account, visitor.address):
        services.log.event(
            "login-limit", id=visitor.id, user=grant.user, address=visitor.address
        )
        raise No("too many connections of this account", "LIMIT")
    try:
        account = await services.store.access(grant.account, readonly=grant.readonly)
    except BaseException as error:
        services.admission.logout(grant.account, visitor.address)
        if isinstance(error, NotFound):
            code = "AUTHENTICATIONFAILED"
            raise No(REFUSALS[code], code) from error
        raise
    services.log.event("login", **_facts(visitor, grant, account.name))
    return account


def _facts(visitor: Visitor, grant: Grant, user: str) -> dict[str, object]:
    facts: dict[str, object] = {
        "id": visitor.id,
        "user": user,
        "address": visitor.address,
        "tls": visitor.secure,
        "mechanism": grant.mechanism,
        **_protocol(visitor),
    }
    if grant.admin is not None:
        facts["admin"] = grant.admin
    if grant.by is not None:
        facts["app_password"] = grant.by
    if grant.readonly:
        facts["readonly"] = True
    return facts


def _protocol(visitor: Visitor) -> dict[str, object]:
    return {} if visitor.protocol == "imap" else {"protocol": visitor.protocol}


def user_name(octets: bytes) -> str:
    """Read a user name. Raises `Bad` when it cannot be one."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("the user name is not UTF-8") from None
