"""CONDSTORE: mod-sequences, and changes that depend on them (RFC 7162 §3.1).

::

    store-modifier     =/ "UNCHANGEDSINCE" SP mod-sequence-valzer
    fetch-modifier     =/ "CHANGEDSINCE" SP mod-sequence-value
    fetch-att          =/ "MODSEQ"
    search-key         =/ "MODSEQ" [SP entry-name SP entry-type-req] SP
                          mod-sequence-valzer
    select-param       =/ "CONDSTORE"

    a2 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)
    * 1 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (65402))
    a2 OK UID FETCH completed

Each of these, and STATUS (HIGHESTMODSEQ), makes the session one that is told MODSEQ.
A message has one mod-sequence for all its flags, so that entry names narrow nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from imapd.session.context import Context
from imapd.session.modseq import MODSEQ, ChangedSince, parse_modseq, tell_modseqs
from imapd.session.parameters import (
    FetchModifierSpec,
    SelectParameterSpec,
    StoreModifierSpec,
)
from imapd.session.plugs import (
    FetchItem,
    FetchItemSpec,
    SearchDataSpec,
    SearchEnvironment,
    SearchKeySpec,
    StatusItemSpec,
)
from imapd.session.registry import Capability, Enabling, Feature, Registry
from imapd.session.state import Selected, SessionState
from imapd.wire.cursor import Cursor
from imapd.wire.encode import sequence_set, string
from mailstore.query import ModseqAtLeast, Predicate, kinds
from mailstore.service import Mailbox

_ENTRY = b"/flags/"
_KINDS = ("PRIV", "SHARED", "ALL")

# -- STORE


@dataclass(frozen=True, slots=True)
class UnchangedSince:
    """The modifier UNCHANGEDSINCE: messages that changed later stay (§3.1.3)."""

    unchanged_since: int
    name: ClassVar[str] = "UNCHANGEDSINCE"

    def unparse(self) -> bytes:
        """Write the modifier."""
        return b"UNCHANGEDSINCE %d" % self.unchanged_since

    def begin(self, context: Context) -> None:
        """Have mod-sequences told: the client asks for it by this."""
        tell_modseqs(context)

    def refusal(self, messages: Sequence[int]) -> str:
        """Name the messages that were left as they are."""
        return f"MODIFIED {sequence_set(messages).decode('ascii')}"


def _parse_unchanged_since(cursor: Cursor) -> UnchangedSince:
    cursor.sp()
    return UnchangedSince(parse_modseq(cursor))


# -- FETCH


def _parse_item(_: Cursor) -> FetchItem:
    return MODSEQ


def _parse_changed_since(cursor: Cursor) -> ChangedSince:
    cursor.sp()
    return ChangedSince(parse_modseq(cursor))


# -- SEARCH


@dataclass(frozen=True, slots=True)
class ModseqKey:
    """The search key MODSEQ (§3.1.5); ``entry`` is a flag's, with its kind."""

    modseq: int
    entry: tuple[bytes, str] | None = None

    def __post_init__(self) -> None:
        if self.entry is not None and (
            not self.entry[0].lower().startswith(_ENTRY) or self.entry[1] not in _KINDS
        ):
            raise ValueError("an entry is /flags/…, with priv, shared or all")

    def unparse(self) -> bytes:
        """Write the key."""
        if self.entry is None:
            return b"MODSEQ %d" % self.modseq
        name, kind = self.entry
        quoted = string(name)
        return b"MODSEQ %b %b %d" % (quoted, kind.lower().encode("ascii"), self.modseq)

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; the client asks for mod-sequences by this."""
        tell_modseqs(environment.context)
        return ModseqAtLeast(self.modseq)


def _parse_key(cursor: Cursor, _: Registry) -> ModseqKey:
    cursor.sp()
    if cursor.peek() != b'"':
        return ModseqKey(parse_modseq(cursor))
    start = cursor.at
    name = cursor.quoted()
    if not name.lower().startswith(_ENTRY) or len(name) == len(_ENTRY):
        cursor.at = start
        raise cursor.fail('an entry name like "/flags/\\\\Seen"')
    cursor.sp()
    start = cursor.at
    kind = cursor.atom().decode("ascii").upper()
    if kind not in _KINDS:
        cursor.at = start
        raise cursor.fail("priv, shared or all")
    cursor.sp()
    return ModseqKey(parse_modseq(cursor), (name, kind))


def _asks_for_modseqs(predicate: Predicate) -> bool:
    return ModseqAtLeast in kinds(predicate)


async def _highest(mailbox: Mailbox, uids: Sequence[int]) -> int:
    """Give the highest mod-sequence of messages (§3.1.6, RFC 4731 §3.2)."""
    return max(mailbox.modseqs(uids))


# -- SELECT, STATUS, ENABLE


@dataclass(frozen=True, slots=True)
class Condstore:
    """The parameter CONDSTORE of SELECT and EXAMINE (§3.1.8)."""

    name: ClassVar[str] = "CONDSTORE"

    def unparse(self) -> bytes:
        """Write the parameter."""
        return b"CONDSTORE"

    def check(self, context: Context) -> None:
        """Nothing forbids it."""

    async def meant(self, context: Context) -> None:
        """Leave the mailbox to the name."""

    async def opened(self, context: Context) -> None:
        """Have mod-sequences told; SELECT has told HIGHESTMODSEQ already."""
        _enable(context.session)


def _enable(session: SessionState) -> None:
    session.telling.modseqs = True


def _highestmodseq(context: Context, selected: Selected) -> bytes:
    """Tell up to where the client is told everything by this SELECT (§3.1.2.1).

    To everybody, as other servers do: a client learns by it that it may ask for more.
    """
    code = f"HIGHESTMODSEQ {selected.view.settled}"
    return context.status(b"OK", "the highest mod-sequence", code)


FEATURE = Feature(
    name="CONDSTORE",
    rfc=("7162",),
    capabilities=(Capability("CONDSTORE"),),
    fetch_items=(FetchItemSpec("MODSEQ", _parse_item, "RFC 7162 §3.1.4.2"),),
    fetch_modifiers=(
        FetchModifierSpec(ChangedSince.name, _parse_changed_since, "RFC 7162 §3.1.4.1"),
    ),
    store_modifiers=(
        StoreModifierSpec(
            UnchangedSince.name, _parse_unchanged_since, "RFC 7162 §3.1.3"
        ),
    ),
    search_keys=(SearchKeySpec("MODSEQ", _parse_key, "RFC 7162 §3.1.5"),),
    search_data=(
        SearchDataSpec("MODSEQ", "RFC 7162 §3.1.6", _asks_for_modseqs, _highest),
    ),
    status_items=(
        StatusItemSpec(
            "HIGHESTMODSEQ",
            "highestmodseq",
            "RFC 7162 §3.1.7",
            asked=tell_modseqs,
        ),
    ),
    select_parameters=(
        SelectParameterSpec(Condstore.name, lambda _: Condstore(), "RFC 7162 §3.1.8"),
    ),
    select_responses=(_highestmodseq,),
    enables=(Enabling("CONDSTORE", _enable),),
)
