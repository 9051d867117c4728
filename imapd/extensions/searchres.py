"""SEARCHRES: ``$`` stands for what the last saving SEARCH found (RFC 5182).

::

    sequence-set       =/ "$"
    search-return-opt  =  "SAVE"

    A282 SEARCH RETURN (SAVE) FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
    A282 OK SEARCH completed
    A283 FETCH $ (UID INTERNALDATE FLAGS RFC822.HEADER)

What is kept are UIDs; the view forgets those of messages that it told are gone
(`View.saved`). Selecting a mailbox makes another view, so that nothing is saved there.
"""

from __future__ import annotations

from imapd.session.plugs import ReturnScope, SearchKey, SearchKeySpec, SearchReturnSpec
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.search_program import NumberKey
from imapd.session.search_result import Searching, SearchResult
from imapd.syntax.sequence import SAVED, SequenceSet
from imapd.wire.cursor import Cursor


def _parse_key(_: Cursor, __: Registry) -> SearchKey:
    return NumberKey(SequenceSet((), saved=True))


async def _save(result: SearchResult, _: object) -> None:
    """Keep what the other options tell of, all that was found without any (§2.4)."""
    result.view.save(result.chosen())


def _forget(searching: Searching, _: object) -> None:
    """Keep nothing, when a saving SEARCH ends with NO (§2.1)."""
    searching.context.selected.view.save(())


SAVE = SearchReturnSpec(
    "SAVE",
    "RFC 5182 §2.1",
    scope=ReturnScope.SELECTED_ALONE,  # RFC 7377 §2.2
    answers=False,
    finish=_save,
    fail=_forget,
)

FEATURE = Feature(
    name="SEARCHRES",
    rfc=("5182",),
    capabilities=(Capability("SEARCHRES"),),
    search_keys=(SearchKeySpec(SAVED.decode("ascii"), _parse_key, "RFC 5182 §2.1"),),
    search_returns=(SAVE,),
    sort_returns=(SAVE,),
    terminals=(SAVED,),
    requires=("ESEARCH",),
)
