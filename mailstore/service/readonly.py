"""An account as somebody sees it who may read only (app passwords of that kind)."""

from __future__ import annotations

from mailstore.errors import NotPermitted
from mailstore.service.account import Account


class ReadOnlyAccount(Account):
    """The same open account, with all changes refused.

    It is the account itself in another role, not a copy: both have one state, so
    that what others change shows here too.
    """

    readonly = True

    def __init__(self, account: Account) -> None:
        self.__dict__ = account.__dict__

    def check_writable(self) -> None:
        """Refuse. Raises `NotPermitted`."""
        raise NotPermitted("this login may only read")
