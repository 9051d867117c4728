"""ANNOTATE-EXPERIMENT-1: notes at messages and their parts (RFC 5257).

::

    C: a FETCH 1 (ANNOTATION (/comment value))
    S: * 1 FETCH (ANNOTATION (/comment (value.priv "My comment" value.shared NIL)))
    S: a OK FETCH completed

`syntax` has names, values and their grammar, `fetch` the fetch item, `changes` what
sets annotations, `finding` the search key and the sort key, `news` what a session is
told of others' changes.
"""

from __future__ import annotations

from imapd.extensions.annotate.changes import (
    parse_append_option,
    parse_store_item,
)
from imapd.extensions.annotate.fetch import parse_fetch_item
from imapd.extensions.annotate.finding import parse_search_key, parse_sort_argument
from imapd.extensions.annotate.news import (
    EVENT,
    NAME,
    AnnotateParameter,
    AnnotationNews,
)
from imapd.session.appending import AppendOptionSpec
from imapd.session.context import Context
from imapd.session.parameters import SelectParameterSpec
from imapd.session.plugs import FetchItemSpec, SearchKeySpec, SortKeySpec
from imapd.session.registry import Capability, Feature
from imapd.session.responses import status
from imapd.session.state import Selected
from imapd.session.storing import StoreItemSpec
from mailstore.query import SortKey

__all__ = ["FEATURE"]


def _support(context: Context, selected: Selected) -> bytes:
    """Say how far annotations are supported here (§4.1)."""
    if selected.mailbox.readonly:
        return status(b"OK", "annotations can be read", "ANNOTATIONS READ-ONLY")
    most = context.account.options.annotation_octets
    return status(b"OK", "octets of an annotation", f"ANNOTATIONS {most}")


FEATURE = Feature(
    name=NAME,
    rfc=("5257",),
    capabilities=(Capability(NAME),),
    select_parameters=(
        SelectParameterSpec(
            AnnotateParameter.name, lambda _: AnnotateParameter(), "RFC 5257 §4.2"
        ),
    ),
    select_responses=(_support,),
    fetch_items=(FetchItemSpec("ANNOTATION", parse_fetch_item, "RFC 5257 §4.3"),),
    store_items=(StoreItemSpec("ANNOTATION", parse_store_item, "RFC 5257 §4.5"),),
    append_options=(
        AppendOptionSpec("ANNOTATION", parse_append_option, "RFC 5257 §4.7"),
    ),
    search_keys=(SearchKeySpec("ANNOTATION", parse_search_key, "RFC 5257 §4.8"),),
    sort_keys=(
        SortKeySpec(
            "ANNOTATION",
            SortKey.ANNOTATION,
            "RFC 5257 §4.9",
            parse=parse_sort_argument,
        ),
    ),
    news=(AnnotationNews(),),
    message_events=(EVENT,),
    requires=("SELECT", "FETCH", "STORE", "SEARCH", "APPEND"),
)
