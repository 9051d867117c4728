"""From credentials to an account: what LOGIN and AUTHENTICATE have in common."""

from __future__ import annotations

from imapd.session.context import Context, Credentials
from imapd.session.faults import Bad, Bye, No
from imapd.session.registry import Completed
from mailstore.errors import NotFound
from mailstore.model import AccountId

_WRONG = "the user name or the password is wrong"


def check_may_login(context: Context) -> None:
    """Refuse passwords that others could read (RFC 3501 §6.2.3, RFC 5530 §3).

    Raises `No`.
    """
    if not context.session.may_login_now:
        raise No("passwords need TLS here: use STARTTLS first", "PRIVACYREQUIRED")


async def log_in(context: Context, credentials: Credentials, command: str) -> Completed:
    """Check credentials and open the account.

    Raises `No` AUTHENTICATIONFAILED, whatever was wrong, and `Bye` after too many
    failures.
    """
    session, services = context.session, context.services
    address = session.peer.address
    account_id = await services.authenticator.check(
        credentials.name, credentials.password, address
    )
    if account_id is None:
        services.log.event(
            "login-failed", id=session.id, user=credentials.name, address=address
        )
        session.login_failures += 1
        if session.login_failures >= services.limits().login_failures:
            raise Bye("too many failures to log in")
        raise No(_WRONG, "AUTHENTICATIONFAILED")
    if credentials.authorize_as not in (None, credentials.name):
        raise No("you may not act for somebody else", "AUTHORIZATIONFAILED")
    await _enter(context, account_id)
    services.log.event(
        "login", id=session.id, user=session.user, address=address, tls=session.secure
    )
    capabilities = context.registry.capability_text(session)
    return Completed(f"{command} completed", f"CAPABILITY {capabilities}")


async def _enter(context: Context, account_id: AccountId) -> None:
    session, services = context.session, context.services
    if not services.admission.login(account_id, session.peer.address):
        raise No("too many connections of this account", "LIMIT")
    try:
        account = await services.store.account(account_id)
    except BaseException as error:
        services.admission.logout(account_id, session.peer.address)
        if isinstance(error, NotFound):  # it was removed this very moment
            raise No(_WRONG, "AUTHENTICATIONFAILED") from error
        raise
    session.account, session.user = account, account.name


def user_name(octets: bytes) -> str:
    """Read a user name. Raises `Bad` when it cannot be one."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("the user name is not UTF-8") from None
