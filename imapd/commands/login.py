"""LOGIN (RFC 3501 §6.2.3).

::

    login           = "LOGIN" SP userid SP password

    a001 LOGIN SMITH SESAME
    a001 OK [CAPABILITY IMAP4rev1 …] LOGIN completed
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.credentials import Credentials
from imapd.session.login import check_may_login, enter, proved, user_name
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.syntax.secret import Secret
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring


@dataclass(frozen=True, slots=True)
class Login:
    """Log in by name and password, both as octets."""

    user: bytes
    password: Secret


def parse(cursor: Cursor, _: Registry) -> Login:
    """Take the arguments of LOGIN. Raises `Malformed`."""
    cursor.sp()
    user = cursor.astring()
    cursor.sp()
    password = Secret(cursor.astring())
    cursor.end()
    return Login(user, password)


def unparse(node: Login) -> bytes:
    """Write the command as a client would, password and all."""
    password = node.password.reveal()
    return b"LOGIN %b %b" % (client_astring(node.user), client_astring(password))


async def run(context: Context, node: Login) -> Completed:
    """Log in. Raises `No` without TLS, and when name or password are wrong."""
    check_may_login(context)
    credentials = Credentials(user_name(node.user), node.password)
    login = context.services.authenticator.login(credentials, context.client)
    return await enter(context, await proved(context, login), "LOGIN")


FEATURE = Feature(
    name="LOGIN",
    rfc=("3501",),
    capabilities=(
        Capability(
            "LOGINDISABLED", lambda s: s.account is None and not s.may_login_now
        ),
    ),
    commands=(
        CommandSpec(
            name="LOGIN",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.NOT_AUTHENTICATED,
            rfc="RFC 3501 §6.2.3",
            effects=Effects.ARGUMENTS_SECRET | Effects.NO_SYNC,
        ),
    ),
)
