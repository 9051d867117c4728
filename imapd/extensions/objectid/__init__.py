"""OBJECTID: identifiers that outlive names, numbers and places (RFC 8474).

::

    fetch-att       =/ "EMAILID" / "THREADID"
    search-key      =/ "EMAILID" SP objectid / "THREADID" SP objectid
    status-att      =/ "MAILBOXID"
    objectid        = 1*255(ALPHA / DIGIT / "_" / "-")

All copies of a message share its EMAILID, in whatever mailbox they are; threads go over
mailboxes too. A mailbox keeps its MAILBOXID when it is renamed.

OBJECTID+ is a work in progress that follows it (`compound`, `selecting`), offered where
the configuration says so. It wants all messages with one EMAILID to have the same
flags: copies that are made while it is offered have EMAILIDs of their own.
"""

from __future__ import annotations

from imapd.extensions.objectid import compound
from imapd.extensions.objectid.compound import OBJECTID, is_active
from imapd.extensions.objectid.ids import (
    EMAILID,
    KEYS,
    THREADID,
    ObjectIdKey,
    parse_key,
)
from imapd.extensions.objectid.selecting import ObjectIdParameter, parse_parameter
from imapd.session.context import Context
from imapd.session.parameters import SelectParameterSpec
from imapd.session.plugs import SearchKeySpec, StatusItemSpec
from imapd.session.registry import Capability, Enabling, Feature
from imapd.session.state import Selected
from mailstore.model import MailboxId

__all__ = ["EMAILID", "FEATURE", "PLUS", "THREADID", "ObjectIdKey"]


def _selected(context: Context, selected: Selected) -> bytes | None:
    """Give the response of SELECT and EXAMINE (RFC 8474 §4.2)."""
    if is_active(context):
        return None
    code = f"MAILBOXID ({selected.mailbox.object_id})"
    return context.status(b"OK", "what it is called for ever", code)


def _created(context: Context, mailbox: MailboxId) -> str | None:
    """Give the code of CREATE (RFC 8474 §4.1)."""
    if is_active(context):
        return None
    return f"MAILBOXID ({context.account.object_ids.mailbox(mailbox)})"


FEATURE = Feature(
    name="OBJECTID",
    rfc=("8474",),
    capabilities=(Capability("OBJECTID"),),
    fetch_items=(EMAILID.spec("RFC 8474 §5.3"), THREADID.spec("RFC 8474 §5.3")),
    search_keys=tuple(
        SearchKeySpec(name, parse_key(name), "RFC 8474 §6") for name in KEYS
    ),
    status_items=(
        StatusItemSpec(
            "MAILBOXID", lambda status: f"({status.object_id})", "RFC 8474 §4.3"
        ),
    ),
    select_responses=(_selected,),
    create_codes=(_created,),
    requires=("CREATE", "SELECT", "STATUS", "FETCH", "SEARCH"),
)

_PLACE = "objectid-bis"
PLUS = Feature(
    name=compound.NAME,
    rfc=(),
    capabilities=(Capability(compound.NAME),),
    fetch_items=(OBJECTID.spec(_PLACE),),
    status_items=(
        StatusItemSpec(
            "OBJECTID", compound.status_value, _PLACE, asked=compound.activate
        ),
    ),
    select_parameters=(
        SelectParameterSpec(ObjectIdParameter.name, parse_parameter, _PLACE),
    ),
    select_responses=(compound.selected_code,),
    create_codes=(compound.mailbox_code,),
    rename_codes=(compound.mailbox_code,),
    enables=(Enabling(compound.NAME),),
    requires=("OBJECTID", "DELETE", "ENABLE"),
)
