"""Who may make a mailbox of some name: the right "k" (RFC 4314 §4).

It is asked for the nearest superior that exists; where there is none the owner may.
Asked before the transaction, for the answer, and inside it, for the truth: meanwhile
the superior may have gone, or the right.
"""

from __future__ import annotations

from mailstore.errors import NotPermitted
from mailstore.index import acl, mailboxes
from mailstore.index.database import Database
from mailstore.model import DELIMITER, AccountId
from mailstore.rights import NEEDS, Operation, Person
from mailstore.service.acls import Guard, rights_by

NOT_THERE = "you may make no mailbox there"


def may_make(owner: AccountId, name: str, person: Person, *, public: bool) -> Guard:
    """Give what raises `NotPermitted`, by an index, to whom may not make a mailbox.

    It says nothing of what there is to whom it refuses.
    """
    above = name.split(DELIMITER)[:-1]
    names = [DELIMITER.join(above[:depth]) for depth in range(len(above), 0, -1)]
    owns = person.owns(owner, public=public)

    def check(database: Database) -> None:
        found = mailboxes.ids_named(database, names)
        nearest = next((found[one] for one in names if one in found), None)
        if nearest is None:
            allowed = owns
        else:
            rights = rights_by(acl.acl_of(database, nearest), person, owns=owns)
            allowed = NEEDS[Operation.MAKE_BELOW].met(rights)
        if not allowed:
            raise NotPermitted(NOT_THERE)

    return check
