"""METADATA and METADATA-SERVER: annotations (RFC 5464).

Both commands are of the server's annotations at least; METADATA adds those of
mailboxes. ``[features] off = ["METADATA"]`` leaves the server's alone.
"""

from imapd.extensions.metadata.commands import (
    NAME,
    SERVER_NAME,
    parse_get,
    parse_set,
    run_get,
    run_set,
    take_literal,
    unparse_get,
    unparse_set,
)
from imapd.extensions.metadata.news import MetadataNews
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Enabling,
    Feature,
    States,
)

__all__ = ["FEATURE", "SERVER_FEATURE"]

SERVER_FEATURE = Feature(
    name=SERVER_NAME,
    rfc=("5464",),
    capabilities=(Capability(SERVER_NAME),),
    commands=(
        CommandSpec(
            name="GETMETADATA",
            parse=parse_get,
            unparse=unparse_get,
            run=run_get,
            states=States.LOGGED_IN,
            rfc="RFC 5464 §4.2",
        ),
        CommandSpec(
            name="SETMETADATA",
            parse=parse_set,
            unparse=unparse_set,
            run=run_set,
            states=States.LOGGED_IN,
            rfc="RFC 5464 §4.3",
            literal_policy=take_literal,
        ),
    ),
    enables=(Enabling(SERVER_NAME),),
    news=(MetadataNews(),),
    requires=("ENABLE",),
)

FEATURE = Feature(
    name=NAME,
    rfc=("5464", "6154"),
    capabilities=(Capability(NAME),),
    enables=(Enabling(NAME),),
    requires=(SERVER_NAME,),
)
