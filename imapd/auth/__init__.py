"""Who somebody is: SASL mechanisms, passwords, tokens, the brake on guessing."""

from imapd.auth.authenticator import DirectoryAuthenticator
from imapd.auth.desk import AuthOptions, Elsewhere
from imapd.auth.throttle import Throttle

__all__ = ["AuthOptions", "DirectoryAuthenticator", "Elsewhere", "Throttle"]
