"""From credentials to an account: what LOGIN and AUTHENTICATE have in common."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from imapd.session.context import Context
from imapd.session.credentials import Grant, LoginRefused
from imapd.session.faults import Bad, Bye, No
from imapd.session.registry import Completed
from mailstore.errors import NotFound

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
    services.log.event(
        "login-failed",
        id=session.id,
        user=refused.user,
        address=session.peer.address,
        reason=refused.reason,
    )
    session.login_failures += 1
    if session.login_failures >= services.limits().login_failures:
        return Bye("too many failures to log in")
    return No(REFUSALS[refused.code], refused.code)


async def enter(context: Context, grant: Grant, command: str) -> Completed:
    """Open the account that was granted.

    Raises `No` when it has too many connections, and what `LoginCheck`s raise.
    """
    session, services = context.session, context.services
    for check in context.registry.login_checks:
        check(context, grant)
    address = session.peer.address
    if not services.admission.login(grant.account, address):
        services.log.event(
            "login-limit", id=session.id, user=grant.user, address=address
        )
        raise No("too many connections of this account", "LIMIT")
    try:
        account = await services.store.account(grant.account, readonly=grant.readonly)
    except BaseException as error:
        services.admission.logout(grant.account, address)
        if isinstance(error, NotFound):  # it was removed this very moment
            code = "AUTHENTICATIONFAILED"
            raise No(REFUSALS[code], code) from error
        raise
    session.account, session.user, session.admin = account, account.name, grant.admin
    services.log.event("login", **_facts(context, grant))
    capabilities = context.registry.capability_text(session)
    return Completed(f"{command} completed", f"CAPABILITY {capabilities}")


def _facts(context: Context, grant: Grant) -> dict[str, object]:
    session = context.session
    facts: dict[str, object] = {
        "id": session.id,
        "user": session.user,
        "address": session.peer.address,
        "tls": session.secure,
        "mechanism": grant.mechanism,
    }
    if grant.admin is not None:
        facts["admin"] = grant.admin
    if grant.by is not None:
        facts["app_password"] = grant.by
    if grant.readonly:
        facts["readonly"] = True
    return facts


def user_name(octets: bytes) -> str:
    """Read a user name. Raises `Bad` when it cannot be one."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("the user name is not UTF-8") from None
