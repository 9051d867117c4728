"""People whom an LDAP server knows: found by a search, proved by bind or compare.

It blocks; who calls it does so on threads. TLS is verified, referrals are not
followed, and nothing that a user types becomes part of a DN or of a filter's syntax.
"""

from __future__ import annotations

import queue
import secrets
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from imapd.auth.desk import Person
from mailstore.errors import Unavailable

with warnings.catch_warnings():
    # ldap3 2.9.1 asks pyasn1 for names that it calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from ldap3.utils.conv import escape_filter_chars
    from ldap3.utils.dn import parse_dn

_SUCCESS, _COMPARE_TRUE = 0, 6
_DENIED = frozenset({5, 16, 32, 34, 48, 49, 50, 53, 19})
"""Results that say no to who tried (RFC 4511 §4.1.9), and not that the server fails."""
_NO_SUCH_OBJECT = 32


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """What an administrator says about the server."""

    urls: tuple[str, ...]
    base: str
    filter: str = "(&(objectClass=person)(|(uid={user})(mail={user})))"
    method: str = "bind"
    bind_dn: str = ""
    bind_password: str = field(default="", repr=False)
    start_tls: bool = False
    ca: str | None = None
    name_attribute: str = "uid"
    group_attribute: str = ""
    timeout_seconds: int = 5
    connections: int = 4
    cache_seconds: int = 60

    def __post_init__(self) -> None:
        if not self.urls or not all(_is_ldap(url) for url in self.urls):
            raise ValueError("urls begin with ldap:// or ldaps://")
        if "{user}" not in self.filter:
            raise ValueError("filter has no {user}")
        if self.method not in ("bind", "compare"):
            raise ValueError("method is bind or compare")
        if not self.base or not self.name_attribute:
            raise ValueError("base and name_attribute are missing")


def _is_ldap(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("ldap", "ldaps") and bool(parts.hostname)


@dataclass(frozen=True, slots=True)
class _Entry:
    dn: str
    person: Person


class _VerifiedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """TLS that OpenSSL verifies, names included.

    ldap3 2.9.1 compares names itself, by a function that Python 3.12 has no more.
    """

    def __init__(self, ca: str | None) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context(cafile=ca)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2

    def wrap_socket(
        self,
        connection: Any,  # noqa: ANN401 - ldap3's
        do_handshake: bool = False,  # noqa: ARG002 - always, so that it is verified
    ) -> None:
        """Put TLS on a connection's socket; raises `ssl.SSLError`."""
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host
        )


class LdapDirectory:
    """`imapd.auth.desk.PasswordSource` over LDAP; used by several threads."""

    name = "ldap"

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings
        self.cache_seconds = settings.cache_seconds
        # Made once: it fails at the start when the anchors cannot be read.
        self._tls = _VerifiedTls(settings.ca)
        # Service connections that wait for work; a None stands for one to be made.
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(settings.connections):
            self._idle.put(None)

    def check(self, name: str, password: bytes) -> Person | None:
        """Give who has this name and password. Raises `Unavailable`."""
        # An empty password would be an unauthenticated bind, which succeeds
        # (RFC 4513 §5.1.2).
        if not password or 0 in password or "\x00" in name:
            return None
        try:
            secret = password.decode("utf-8")
        except UnicodeDecodeError:
            return None
        entry = self._find(name)
        # A name that nobody has makes the requests of one that somebody has.
        dn = f"cn={secrets.token_hex(8)},{self._settings.base}"
        if entry is not None:
            dn = entry.dn
        if self._settings.method == "bind":
            right = self._binds(dn, secret)
        else:
            right = self._compares(dn, secret)
        return entry.person if right and entry is not None else None

    def find(self, name: str) -> Person | None:
        """Give who has this name, without a proof. Raises `Unavailable`."""
        entry = self._find(name)
        return None if entry is None else entry.person

    def close(self) -> None:
        """Close the connections that wait."""
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return
            if connection is not None:
                _unbind(connection)

    # -- requests

    def _find(self, name: str) -> _Entry | None:
        settings = self._settings
        query = settings.filter.replace("{user}", escape_filter_chars(name))
        attributes = [settings.name_attribute]
        if settings.group_attribute:
            attributes.append(settings.group_attribute)

        def search(connection: Any) -> Any:  # noqa: ANN401 - ldap3 has no types
            connection.search(
                settings.base,
                query,
                attributes=attributes,
                size_limit=2,  # enough to see that it is not one
                time_limit=settings.timeout_seconds,
            )
            return connection.result, list(connection.response or ())

        result, response = self._as_service(search)
        if result["result"] not in (_SUCCESS, 4, _NO_SUCH_OBJECT):
            raise _unavailable(f"search: {result['description']}")
        found = [one for one in response if one["type"] == "searchResEntry"]
        return self._entry(found[0]) if len(found) == 1 else None

    def _entry(self, found: Any) -> _Entry | None:  # noqa: ANN401 - ldap3's
        settings = self._settings
        values = _texts(found["raw_attributes"], settings.name_attribute)
        if len(values) != 1:
            return None
        groups = None
        if settings.group_attribute:
            held = _texts(found["raw_attributes"], settings.group_attribute)
            groups = tuple(_group_name(value) for value in held)
        return _Entry(found["dn"], Person(values[0], groups))

    def _compares(self, dn: str, password: str) -> bool:
        def compare(connection: Any) -> Any:  # noqa: ANN401 - ldap3's
            connection.compare(dn, "userPassword", password)
            return connection.result

        result = self._as_service(compare)
        return bool(result["result"] == _COMPARE_TRUE)

    def _binds(self, dn: str, password: str) -> bool:
        connection = self._connect(dn, password)
        if connection is None:
            return False
        _unbind(connection)
        return True

    # -- connections

    @contextmanager
    def _service(self) -> Iterator[list[Any]]:
        """Lend a service connection in a list; what lies there at the end is kept."""
        try:
            held = [self._idle.get(timeout=self._settings.timeout_seconds)]
        except queue.Empty:
            raise _unavailable("all connections are busy") from None
        try:
            yield held
        finally:
            self._idle.put(held[0])

    def _as_service(self, work: Any) -> Any:  # noqa: ANN401 - of ldap3's connections
        """Run ``work`` on a service connection; on a new one if the old is dead."""
        with self._service() as held:
            if held[0] is not None:
                try:
                    return work(held[0])
                except (LDAPException, OSError):
                    _unbind(held[0])
                    held[0] = None
            connection = self._connect(
                self._settings.bind_dn, self._settings.bind_password
            )
            if connection is None:
                raise _unavailable("the service account is refused")
            held[0] = connection
            try:
                return work(connection)
            except (LDAPException, OSError) as error:
                _unbind(connection)
                held[0] = None
                raise _unavailable(str(error)) from None

    def _server(self, url: str) -> Any:  # noqa: ANN401 - ldap3's
        # Made anew for each connection: ldap3 keeps an address that failed once as
        # failed for minutes.
        return ldap3.Server(
            url,
            use_ssl=url.startswith("ldaps:"),
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=self._settings.timeout_seconds,
        )

    def _connect(self, dn: str, password: str) -> Any:  # noqa: ANN401 - ldap3's
        """Connect and bind; None when the server says no to name and password."""
        error: Exception | None = None
        for url in self._settings.urls:
            connection = ldap3.Connection(
                self._server(url),
                user=dn or None,
                password=password if dn else None,
                authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
                auto_referrals=False,
                receive_timeout=self._settings.timeout_seconds,
                check_names=False,
                read_only=True,
                raise_exceptions=False,
            )
            try:
                connection.open()
                if self._settings.start_tls and url.startswith("ldap:"):
                    connection.start_tls()
                if connection.bind():
                    return connection
            except (LDAPException, OSError) as failed:
                error = failed
                _unbind(connection)
                continue
            code = connection.result["result"]
            _unbind(connection)
            if code in _DENIED:
                return None
            error = LDAPException(connection.result["description"])
        raise _unavailable(str(error))


def _unbind(connection: Any) -> None:  # noqa: ANN401 - ldap3's
    held = connection.socket
    try:
        connection.unbind()
    except (LDAPException, OSError):
        pass  # it is gone already
    finally:
        if held is not None:  # ldap3 leaves it open when something failed
            held.close()


def _texts(attributes: Any, name: str) -> list[str]:  # noqa: ANN401 - ldap3's
    """Give an attribute's values; names of attributes have no case."""
    for key, values in attributes.items():
        if key.lower() == name.lower():
            return [value.decode("utf-8", "replace") for value in values]
    return []


def _group_name(value: str) -> str:
    """Give the name of a group from its DN, or a value that is no DN as it is."""
    try:
        return str(parse_dn(value)[0][1])
    except (LDAPException, IndexError):
        return value


def _unavailable(detail: str) -> Unavailable:
    return Unavailable("the directory cannot be asked now", detail=detail)
