"""From the configuration to what checks logins: a part of the composition root."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imapd.config import Config, ConfigError, Problem
from mailstore.directory import DirectoryOptions

if TYPE_CHECKING:
    from imapd.auth import AuthOptions, Elsewhere
    from imapd.auth.ldap import LdapSettings
    from imapd.auth.tokens import TokenSettings

_SCRAM = {"SHA-256": "SCRAM-SHA-256", "SHA-1": "SCRAM-SHA-1"}


def directory_options(config: Config) -> DirectoryOptions:
    """Say how passwords are kept, in the directory's own terms."""
    auth = config.auth
    hashes = tuple(
        hash_
        for hash_, name in _SCRAM.items()
        if name in auth.mechanisms or f"{name}-PLUS" in auth.mechanisms
    )
    return DirectoryOptions(
        bcrypt_cost=auth.bcrypt_cost,
        scram_hashes=hashes,
        scram_iterations=auth.scram_iterations,
        default_domain=auth.default_domain,
    )


def auth_options(config: Config) -> AuthOptions:
    """Say how people log in, in the authenticator's terms. Raises `ConfigError`."""
    from imapd.auth import AuthOptions
    from imapd.auth.certificate_map import CertificateMap

    if config.tls.client_ca is not None:
        # Before anybody comes with a certificate: loading it takes a while.
        import imapd.auth.certificate_names  # noqa: F401

    external = config.external
    try:
        certificates = CertificateMap(
            dict(external.map), external.names, only_mapped=external.only_mapped
        )
    except ValueError as error:
        raise _wrong(config, "external", error) from error
    return AuthOptions(
        mechanisms=config.auth.mechanisms,
        cache_seconds=config.auth.cache_seconds,
        create_accounts=config.auth.create_accounts,
        certificates=certificates,
        oauth_scope=config.oauth.required_scope,
        oauth_discovery=config.oauth.discovery_url,
    )


def elsewhere(config: Config, now: Callable[[], float]) -> Elsewhere:
    """Make what asks LDAP and OAuth, if they are configured. Raises `ConfigError`."""
    from imapd.auth import Elsewhere

    sources = []
    if config.ldap.urls:
        from imapd.auth.ldap import LdapDirectory

        try:
            sources.append(LdapDirectory(_ldap_settings(config)))
        except (ValueError, OSError) as error:
            raise _wrong(config, "ldap", error) from error
    if not config.oauth.issuer:
        return Elsewhere(tuple(sources))
    from imapd.auth.tokens import TokenChecker

    try:
        tokens = TokenChecker(_token_settings(config), now)
    except (ValueError, OSError) as error:
        raise _wrong(config, "oauth", error) from error
    return Elsewhere(tuple(sources), tokens)


def _ldap_settings(config: Config) -> LdapSettings:
    from imapd.auth.ldap import LdapSettings

    ldap = config.ldap
    return LdapSettings(
        urls=ldap.urls,
        base=ldap.base,
        filter=ldap.filter,
        method=ldap.method,
        bind_dn=ldap.bind_dn,
        bind_password=_first_line(ldap.bind_password_file),
        start_tls=ldap.start_tls,
        ca=None if ldap.ca is None else str(ldap.ca),
        name_attribute=ldap.name_attribute,
        group_attribute=ldap.group_attribute,
        timeout_seconds=ldap.timeout_seconds,
        connections=ldap.connections,
        cache_seconds=ldap.cache_seconds,
    )


def _token_settings(config: Config) -> TokenSettings:
    from imapd.auth.tokens import TokenSettings

    oauth = config.oauth
    return TokenSettings(
        issuer=oauth.issuer,
        audience=oauth.audience,
        jwks_url=oauth.jwks_url,
        jwks_read=None if oauth.jwks_file is None else oauth.jwks_file.read_bytes,
        introspection_url=oauth.introspection_url,
        client_id=oauth.client_id,
        client_secret=_first_line(oauth.client_secret_file),
        user_claim=oauth.user_claim,
        required_scope=oauth.required_scope,
        algorithms=oauth.algorithms,
        leeway_seconds=oauth.leeway_seconds,
        jwks_seconds=oauth.jwks_seconds,
        timeout_seconds=oauth.timeout_seconds,
        ca=None if oauth.ca is None else str(oauth.ca),
    )


def _first_line(path: Path | None) -> str:
    if path is None:
        return ""
    return path.read_text("utf-8").partition("\n")[0].rstrip("\r")


def _wrong(config: Config, table: str, error: Exception) -> ConfigError:
    return ConfigError(config.path, (Problem(None, f"[{table}] {error}"),))
