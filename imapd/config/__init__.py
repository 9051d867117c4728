"""The configuration of the server: one TOML file, frozen values, no surprises.

``python -m imapd.config`` prints the reference page.
"""

from imapd.config.delivering import DeliverySettings
from imapd.config.door_settings import Pop3Settings
from imapd.config.login_settings import AuthSettings
from imapd.config.namespaces import NamespaceSettings
from imapd.config.reading import (
    ConfigError,
    Problem,
    load,
    parse_config,
    read_text,
)
from imapd.config.reference import as_data, as_toml, commented_default, reference_page
from imapd.config.settings import (
    DEFAULT_LISTEN,
    Config,
    FeatureSettings,
    Listen,
    LogSettings,
    ServerSettings,
    StoreSettings,
    TlsSettings,
)
from imapd.config.wanted import read_address, unix_path, write_address

__all__ = [
    "DEFAULT_LISTEN",
    "AuthSettings",
    "Config",
    "ConfigError",
    "DeliverySettings",
    "FeatureSettings",
    "Listen",
    "LogSettings",
    "NamespaceSettings",
    "Pop3Settings",
    "Problem",
    "ServerSettings",
    "StoreSettings",
    "TlsSettings",
    "as_data",
    "as_toml",
    "commented_default",
    "load",
    "parse_config",
    "read_address",
    "read_text",
    "reference_page",
    "unix_path",
    "write_address",
]
