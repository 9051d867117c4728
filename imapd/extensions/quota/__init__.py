"""QUOTA: how much mail may be kept, and how much there is (RFC 9208, RFC 2087).

The root of an account is ``#user/NAME``; an administrator may give parts of it roots
of their own, ``#user/NAME/MAILBOX``. That limits hold is the store's business.
"""

from imapd.extensions.quota.commands import (
    parse_get,
    parse_get_root,
    parse_set,
    run_get,
    run_get_root,
    run_set,
    unparse_get,
    unparse_get_root,
    unparse_set,
)
from imapd.extensions.quota.warnings import QuotaNews, warn_added, warn_selected
from imapd.session.registry import Capability, CommandSpec, Feature, States
from mailstore.quotas import Resource

__all__ = ["FEATURE", "SET_FEATURE"]

FEATURE = Feature(
    name="QUOTA",
    rfc=("9208", "2087"),
    capabilities=(
        Capability("QUOTA"),
        *(Capability(f"QUOTA=RES-{resource.value}") for resource in Resource),
    ),
    commands=(
        CommandSpec(
            name="GETQUOTA",
            parse=parse_get,
            unparse=unparse_get,
            run=run_get,
            states=States.LOGGED_IN,
            rfc="RFC 9208 §4.1.1",
        ),
        CommandSpec(
            name="GETQUOTAROOT",
            parse=parse_get_root,
            unparse=unparse_get_root,
            run=run_get_root,
            states=States.LOGGED_IN,
            rfc="RFC 9208 §4.1.2",
        ),
    ),
    select_responses=(warn_selected,),
    added=(warn_added,),
    news=(QuotaNews(),),
    requires=("STATUS-DELETED",),
)

SET_FEATURE = Feature(
    name="QUOTASET",
    rfc=("9208",),
    capabilities=(Capability("QUOTASET"),),
    commands=(
        CommandSpec(
            name="SETQUOTA",
            parse=parse_set,
            unparse=unparse_set,
            run=run_set,
            states=States.LOGGED_IN,
            rfc="RFC 9208 §4.1.3",
        ),
    ),
    requires=("QUOTA",),
)
