"""People whom an LDAP server knows: found by a search, proved by bind or compare.

It blocks; who calls it does so on threads. It keeps this true:

* TLS is verified or there is no connection; StartTLS comes before any bind.
* Nothing that a user types becomes part of a DN or of a filter's syntax.
* A password that is empty is never sent: such a bind succeeds (RFC 4513 §5.1.2).
* A name that nobody has makes the requests of one that somebody has.
* Referrals are not followed.
"""

from __future__ import annotations

import queue
import re
import secrets
import ssl
import threading
import warnings
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from imapd.auth.desk import Person
from mailstore.errors import Unavailable

with warnings.catch_warnings():
    # ldap3 2.9.1 asks pyasn1 for names that it calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from ldap3.operation.search import parse_filter
    from ldap3.utils.conv import escape_bytes
    from ldap3.utils.dn import parse_dn

_SUCCESS, _SIZE_LIMIT, _COMPARE_TRUE = 0, 4, 6
_DENIED = frozenset({5, 16, 19, 32, 34, 48, 49, 50, 53})
"""Results that say no to who tried (RFC 4511 §4.1.9), and not that the server fails."""

# ldap3 raises the last four on answers that it cannot read.
_FAULTS = (LDAPException, OSError, ValueError, LookupError, TypeError, AttributeError)
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)


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
        if not self.urls:
            raise ValueError("urls are missing")
        for url in self.urls:
            _split(url)
        if not self.base.strip() or not self.name_attribute.strip():
            raise ValueError("base and name_attribute are missing")
        _check_filter(self.filter)
        if self.method not in ("bind", "compare"):
            raise ValueError("method is bind or compare")
        if self.bind_dn and not self.bind_password:
            # It would be an unauthenticated bind, which looks like success.
            raise ValueError("bind_dn has no password")
        if self.timeout_seconds < 1 or self.connections < 1:
            raise ValueError("timeout_seconds and connections are 1 at least")


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("ldap", "ldaps"):
        raise ValueError(f"urls begin with ldap:// or ldaps://, not as {url!r}")
    if not parts.hostname or parts.username is not None:
        raise ValueError(f"urls are scheme, host and perhaps port, not {url!r}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"urls end with host or port, not as {url!r}")
    try:
        usable = parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"urls: the port of {url!r} cannot be")
    return parts


def _check_filter(text: str) -> None:
    if "{user}" not in text:
        raise ValueError("filter has no {user}")
    try:
        parse_filter(text.replace("{user}", "x"), None, False, False, None, False)
    except _FAULTS as error:
        raise ValueError(f"filter cannot be read: {error}") from None


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


@dataclass(frozen=True, slots=True)
class _Entry:
    dn: str
    person: Person


class LdapDirectory:
    """`imapd.auth.desk.PasswordSource` over LDAP; used by several threads.

    Raises `OSError` when the file of trust anchors cannot be read.
    """

    name = "ldap"

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings
        self.cache_seconds = settings.cache_seconds
        self._urls = tuple(map(_split, settings.urls))
        # Made once: it fails at the start when the anchors cannot be read.
        self._tls = _VerifiedTls(settings.ca)
        # Service connections that wait for work; a None stands for one to be made.
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        self._closing = threading.Lock()
        self._closed = False
        for _ in range(settings.connections):
            self._idle.put(None)

    def check(self, name: str, password: bytes) -> Person | None:
        """Give who has this name and password. Raises `Unavailable`."""
        if not password or 0 in password or not _is_utf8(password):
            return None
        if not _can_be_sent(name):
            return None
        entry = self._find(name)
        if entry is None:
            dn = f"cn={secrets.token_hex(8)},{self._settings.base}"
        else:
            dn = entry.dn
        if self._settings.method == "bind":
            right = self._binds(dn, password)
        else:
            right = self._compares(dn, password)
        return entry.person if right and entry is not None else None

    def find(self, name: str) -> Person | None:
        """Give who has this name, without a proof. Raises `Unavailable`."""
        entry = self._find(name) if _can_be_sent(name) else None
        return None if entry is None else entry.person

    def close(self) -> None:
        """Close the connections; those at work when their work is done."""
        with self._closing:
            self._closed = True
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return
            if connection is not None:
                _close(connection)

    # -- requests

    def _find(self, name: str) -> _Entry | None:
        settings = self._settings
        # Every octet is escaped, for ldap3 strips white space of values.
        user = escape_bytes(name.encode("utf-8"))
        attributes = [settings.name_attribute]
        if settings.group_attribute:
            attributes.append(settings.group_attribute)

        def search(connection: Any) -> Any:  # noqa: ANN401 - ldap3 has no types
            connection.search(
                settings.base,
                settings.filter.replace("{user}", user),
                attributes=attributes,
                size_limit=2,  # enough to see that it is not one
                time_limit=settings.timeout_seconds,
                auto_escape=False,  # it guesses whether a value is escaped
            )
            return connection.result, list(connection.response or ())

        result, response = self._as_service(search)
        if result["result"] not in (_SUCCESS, _SIZE_LIMIT):
            raise _unavailable(f"search: {result['description']}")
        found = [one for one in response if one["type"] == "searchResEntry"]
        if result["result"] == _SIZE_LIMIT or len(found) != 1:
            return None
        return self._entry(found[0])

    def _entry(self, found: Any) -> _Entry | None:  # noqa: ANN401 - ldap3's
        settings = self._settings
        values = _values(found["raw_attributes"], settings.name_attribute)
        if len(values) != 1 or not values[0] or not _is_utf8(values[0]):
            return None
        if not found["dn"]:
            return None  # a bind as nobody would succeed
        groups = None
        if settings.group_attribute:
            held = _values(found["raw_attributes"], settings.group_attribute)
            names = [_group_name(value) for value in held if _is_utf8(value)]
            groups = tuple(dict.fromkeys(filter(None, names)))
        return _Entry(found["dn"], Person(values[0].decode("utf-8"), groups))

    def _compares(self, dn: str, password: bytes) -> bool:
        def compare(connection: Any) -> Any:  # noqa: ANN401 - ldap3's
            connection.compare(dn, "userPassword", password)
            return connection.result

        result = self._as_service(compare)
        if result["result"] != _COMPARE_TRUE and result["result"] not in _DENIED:
            raise _unavailable(f"compare: {result['description']}")
        return bool(result["result"] == _COMPARE_TRUE)

    def _binds(self, dn: str, password: bytes) -> bool:
        connection = self._connect(dn, password)
        if connection is None:
            return False
        _close(connection)
        return True

    # -- connections

    def _as_service(self, work: Any) -> Any:  # noqa: ANN401 - of ldap3's connections
        """Run ``work`` on a service connection; on a new one if the old is dead."""
        try:
            connection = self._idle.get(timeout=self._settings.timeout_seconds)
        except queue.Empty:
            raise _unavailable("all connections are busy") from None
        try:
            if connection is not None:
                try:
                    return work(connection)
                except _FAULTS:
                    _close(connection)
                    connection = None
            connection = self._connect_service()
            try:
                return work(connection)
            except _FAULTS as error:
                _close(connection)
                connection = None
                raise _unavailable(str(error)) from None
        finally:
            self._give_back(connection)

    def _give_back(self, connection: Any) -> None:  # noqa: ANN401 - ldap3's
        with self._closing:
            kept = None if self._closed else connection
            self._idle.put(kept)
        if connection is not None and kept is None:
            _close(connection)

    def _connect_service(self) -> Any:  # noqa: ANN401 - ldap3's
        settings = self._settings
        connection = self._connect(settings.bind_dn, settings.bind_password.encode())
        if connection is None:
            raise _unavailable("the service account is refused")
        return connection

    def _connect(self, dn: str, password: bytes) -> Any:  # noqa: ANN401 - ldap3's
        """Connect and bind; None when the server says no to name and password."""
        reasons = []
        for url in self._urls:
            connection = self._new(url, dn, password)
            try:
                connection.open(read_server_info=False)
                if self._settings.start_tls and url.scheme == "ldap":
                    _start_tls(connection)
                connection.bind(read_server_info=False)
                result = connection.result
                code = int(result["result"])
            except _FAULTS as error:
                _close(connection)
                reasons.append(f"{url.netloc}: {error}")
                continue
            if code == _SUCCESS:
                return connection
            _close(connection)
            if code in _DENIED:
                return None
            reasons.append(f"{url.netloc}: bind: {result['description']}")
        raise _unavailable("; ".join(reasons))

    def _new(self, url: SplitResult, dn: str, password: bytes) -> Any:  # noqa: ANN401
        # A server of its own: ldap3 keeps in it that an address failed, for minutes,
        # and that *a* connection is open, which hides that another failed.
        server = ldap3.Server(
            url.hostname,
            port=url.port,
            use_ssl=url.scheme == "ldaps",
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=self._settings.timeout_seconds,
        )
        return ldap3.Connection(
            server,
            user=dn or None,
            # Octets: texts are put through SASLprep, which refuses some.
            password=password if dn else None,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            auto_referrals=False,
            receive_timeout=self._settings.timeout_seconds,
            check_names=False,
            read_only=True,
            raise_exceptions=False,
        )


def _start_tls(connection: Any) -> None:  # noqa: ANN401 - ldap3's
    started = connection.start_tls(read_server_info=False)
    if not started or not isinstance(connection.socket, ssl.SSLSocket):
        raise LDAPException("StartTLS failed")


def _close(connection: Any) -> None:  # noqa: ANN401 - ldap3's
    held = connection.socket
    try:
        connection.unbind()
    except _FAULTS:
        pass  # it is gone already
    finally:
        if held is not None:  # ldap3 leaves it open when something failed
            held.close()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _can_be_sent(name: str) -> bool:
    """Tell whether a name is one at all; half a surrogate pair is none."""
    try:
        return bool(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _values(attributes: Any, name: str) -> list[bytes]:  # noqa: ANN401 - ldap3's
    """Give an attribute's values; names of attributes have no case."""
    for key, values in attributes.items():
        if key.lower() == name.lower():
            return list(values)
    return []


def _group_name(value: bytes) -> str:
    """Give the name of a group from its DN, or a value that is no DN as it is."""
    text = value.decode("utf-8")
    try:
        first = str(parse_dn(text)[0][1])
    except _FAULTS:
        return text
    octets = _ESCAPED.sub(_unescape, first.encode("utf-8"))
    return octets.decode("utf-8") if _is_utf8(octets) else ""


def _unescape(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    return bytes.fromhex(escaped.decode()) if len(escaped) == 2 else escaped


def _unavailable(detail: str) -> Unavailable:
    return Unavailable("the directory cannot be asked now", detail=detail)
