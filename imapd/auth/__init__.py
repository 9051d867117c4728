"""Who somebody is: passwords, SASL mechanisms, the brake on guessing."""

from imapd.auth.authenticator import PasswordAuthenticator, authenticator_of

__all__ = ["PasswordAuthenticator", "authenticator_of"]
