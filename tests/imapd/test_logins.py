"""From the configuration to what checks logins."""

from __future__ import annotations

from typing import Any

import pytest

from imapd.auth.cram_md5 import CramMd5
from imapd.auth.external import External
from imapd.auth.oauth import OAuthBearer, XOAuth2
from imapd.auth.password_mechanisms import Login, Plain
from imapd.auth.scram import Scram
from imapd.config import ConfigError
from imapd.config.reading import parse_config
from imapd.logins import auth_options, directory_options, elsewhere
from imapd.session.credentials import Channel, Client
from imapd.session.mechanisms import MECHANISMS
from tests.imapd.auth.desk import Desk
from tests.imapd.auth.test_oauth import make

TLS = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'


def config(tmp_path, text=""):
    return parse_config(TLS + text, tmp_path / "imapd.toml")


def test_what_holds_without_a_word(tmp_path):
    plain = config(tmp_path)
    assert auth_options(plain).mechanisms == tuple(
        name for name in MECHANISMS if name != "CRAM-MD5"
    )
    assert directory_options(plain).scram_hashes == ("SHA-256", "SHA-1")
    found = elsewhere(plain, lambda: 0.0)
    assert (found.sources, found.tokens) == ((), None)


def test_what_is_said(tmp_path):
    said = config(
        tmp_path,
        """
[auth]
mechanisms = ["plain", "SCRAM-SHA-256-PLUS"]
cache_seconds = 7
default_domain = "example.org"
create_accounts = false

[external]
map = { "email:a@b.c" = "ann" }
names = ["upn"]

[oauth]
required_scope = "imap"
""",
    )
    options = auth_options(said)
    assert options.mechanisms == ("PLAIN", "SCRAM-SHA-256-PLUS")
    assert (options.cache_seconds, options.create_accounts) == (7, False)
    assert options.certificates.entries == {"email:a@b.c": "ann"}
    assert options.certificates.names == ("upn",)
    assert options.oauth_scope == "imap"
    directory = directory_options(said)
    assert directory.scram_hashes == ("SHA-256",)
    assert directory.default_domain == "example.org"


def test_secrets_come_from_files(tmp_path):
    (tmp_path / "bind").write_text("open sesame\nmore\n")
    (tmp_path / "secret").write_text("s e c\r\n")
    (tmp_path / "keys").write_text('{"keys": []}')
    said = config(
        tmp_path,
        """
[ldap]
urls = ["ldaps://ldap.example.org"]
base = "dc=example,dc=org"
bind_dn = "cn=imapd"
bind_password_file = "bind"

[oauth]
issuer = "https://idp.example.org"
audience = ["mail"]
jwks_file = "keys"
introspection_url = "https://idp.example.org/ask"
client_id = "imapd"
client_secret_file = "secret"
""",
    )
    found: Any = elsewhere(said, lambda: 0.0)
    (ldap,) = found.sources
    assert ldap._settings.bind_password == "open sesame"
    assert found.tokens._settings.client_secret == "s e c"
    assert found.tokens._settings.jwks_read() == b'{"keys": []}'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[external]\nmap = { "x:y" = "ann" }', r"\[external\].*email:NAME"),
        ('[ldap]\nurls = ["ldap://x"]', r"\[ldap\] base"),
        ('[ldap]\nurls = ["http://x"]\nbase = "dc=x"', r"\[ldap\] urls"),
        (
            '[ldap]\nurls = ["ldap://x"]\nbase = "dc=x"\nbind_password_file = "none"',
            r"\[ldap\].*No such file",
        ),
        (
            '[ldap]\nurls = ["ldap://x"]\nbase = "dc=x"\nca = "none"',
            r"\[ldap\].*No such file",
        ),
        ('[oauth]\nissuer = "https://x"', r"\[oauth\] jwks"),
    ],
)
def test_what_cannot_be_is_told_in_words(tmp_path, text, wanted):
    said = config(tmp_path, text)
    with pytest.raises(ConfigError, match=wanted):
        auth_options(said)
        elsewhere(said, lambda: 0.0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[auth]\nmechanisms = ["GSSAPI"]', "a list of"),
        ("[external]\nmap = { a = 5 }", "a table of texts"),
        ("[external]\nmap = 5", "a table of texts"),
        ('[ldap]\nbase = "a\\nb"', "a text"),
        ("[[certificate]]\ncertificate = 'c.pem'", "key is missing"),
        ("[certificate]\ncertificate = 'c.pem'", "is a list of tables"),
        ("[[listen]]\naddress = 'x:1'\nproxy_from = ['nowhere']", "a list of networks"),
        ("[[listen]]\naddress = 'x:1'\nproxy_from = ['192.0.2.1/24']", "networks"),
    ],
)
def test_settings_of_the_wrong_kind(tmp_path, text, wanted):
    with pytest.raises(ConfigError, match=wanted):
        config(tmp_path, text)


def test_each_mechanism_by_its_name(tmp_path):
    desk = make(tmp_path)
    client = Client("192.0.2.1", Channel({"tls-exporter": b"x"}, b"der"))
    kinds = {
        name: type(desk.authenticator.exchange(name, client)) for name in MECHANISMS
    }
    assert kinds == {
        "SCRAM-SHA-256-PLUS": Scram,
        "SCRAM-SHA-256": Scram,
        "SCRAM-SHA-1-PLUS": Scram,
        "SCRAM-SHA-1": Scram,
        "EXTERNAL": External,
        "OAUTHBEARER": OAuthBearer,
        "XOAUTH2": XOAuth2,
        "CRAM-MD5": CramMd5,
        "PLAIN": Plain,
        "LOGIN": Login,
    }
    assert isinstance(desk, Desk)
    desk.close()
