"""X-GM-LABELS: the other mailboxes of a message, told and changed.

::

    fetch-att       =/ "X-GM-LABELS"
    store-att-flags =/ (["+" / "-"] "X-GM-LABELS" [".SILENT"]) SP
                       (label / "(" [label *(SP label)] ")")
    search-key      =/ "X-GM-LABELS" SP label

    C: a STORE 1 +X-GM-LABELS (foo)
    S: * 1 FETCH (X-GM-LABELS ("\\\\Inbox" foo))
    S: a OK STORE completed

A label that is added is a copy in its mailbox, which is made if it is missing; one that
is taken away is the end of that copy. The mailbox that is selected is no label of its
messages: adding it changes nothing, and out of it they go by EXPUNGE and MOVE alone, so
that no message loses its last place by this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from imapd.extensions.gmail.names import (
    IMPORTANT,
    IMPORTANT_KEYWORD,
    INBOX_LABEL,
    STARRED,
    check_own,
    flag_of,
    is_own,
    label_of,
    mailbox_of,
    parse_label,
    system_label,
    unparse_label,
    use_of,
)
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.fetch_attribute import UID, Attribute, Values
from imapd.session.fetch_plan import Environment, Plan
from imapd.session.fetch_sender import Sender
from imapd.session.names import existing_name, uses_utf8
from imapd.session.plugs import FetchEnvironment, FetchItem, SearchEnvironment
from imapd.session.registry import Registry
from imapd.session.storing import StoreItemSpec, StoreRequest
from imapd.wire.cursor import Cursor
from imapd.wire.encode import string
from mailstore.model import (
    FIRST_KEYWORD_BIT,
    FLAGGED,
    INBOX,
    Batch,
    Column,
    Filing,
    FlagChange,
    FlagOperation,
    SpecialUse,
    Stored,
)
from mailstore.query import AlsoIn, HasKeyword, HasSystemFlag, Or, Predicate

MAX_LABELS = 100
_FLAG_NAMES = {STARRED: "\\Flagged", IMPORTANT: IMPORTANT_KEYWORD}

# -- FETCH


def _labels(environment: FetchEnvironment) -> Values:
    utf8 = uses_utf8(environment.context)
    mailbox = environment.mailbox
    own = is_own(environment.context, mailbox)

    def values(batch: Batch) -> Iterable[object]:
        important = _bit_of(mailbox.keywords)
        rows = zip(
            batch.columns[Column.LABELS], batch.columns[Column.FLAGS], strict=True
        )
        for found, mask in rows:
            labels = [label_of(one, utf8=utf8) for one in found] if own else []
            for bit, label in ((FLAGGED, STARRED), (important, IMPORTANT)):
                if mask & bit:
                    labels.append(string(label.encode("ascii")))
            yield b"(%b)" % b" ".join(dict.fromkeys(labels))

    return values


def _bit_of(keywords: Sequence[str]) -> int:
    """Give the bit of the keyword for important messages, 0 where there is none."""
    for at, keyword in enumerate(keywords):
        if keyword.lower() == IMPORTANT_KEYWORD.lower():
            return 1 << (FIRST_KEYWORD_BIT + at)
    return 0


LABELS = Attribute("X-GM-LABELS", (Column.LABELS, Column.FLAGS), _labels)

# -- STORE


@dataclass(frozen=True, slots=True)
class StoreLabels:
    """Add labels (``+``), take some away (``-``), or have these and no others."""

    sign: str
    labels: tuple[bytes, ...]
    silent: bool = False

    def __post_init__(self) -> None:
        if self.sign not in ("", "+", "-"):
            raise ValueError("labels are set, added or taken away")

    def unparse(self) -> bytes:
        """Write the item."""
        name = f"{self.sign}X-GM-LABELS{'.SILENT' if self.silent else ''}"
        labels = b" ".join(map(unparse_label, self.labels))
        return b"%b (%b)" % (name.encode("ascii"), labels)

    async def store(self, context: Context, request: StoreRequest) -> Stored:
        """Change the messages' places, all or nothing. Raises `No`, store errors."""
        selected = context.selected
        check_own(context, selected.mailbox)
        stored = await selected.mailbox.labels.file(
            request.uids,
            await self._filing(context),
            unchanged_since=request.unchanged_since,
            seen_at=selected.view.modseq,
        )
        if not self.silent:
            await _tell(context, request)
        return stored

    async def _filing(self, context: Context) -> Filing:
        own = context.selected.mailbox.name
        entries = await context.account.mailboxes()
        flags = {flag_of(label.decode("latin-1")) for label in self.labels} - {None}
        names = [
            mailbox_of(context, label, entries)
            for label in self.labels
            if flag_of(label.decode("latin-1")) is None
        ]
        chosen = tuple(dict.fromkeys(names))
        if self.sign != "-":
            others = tuple(name for name in chosen if name != own)
            changes = self._flag_changes({flag for flag in flags if flag})
            return Filing(add=others, only=not self.sign, flags=changes)
        if own in chosen:
            raise No("messages leave the selected mailbox by EXPUNGE or MOVE", "CANNOT")
        important = [
            one.name
            for one in entries
            if IMPORTANT in flags
            and one.special_use is SpecialUse.IMPORTANT
            and one.name != own
        ]
        changes = self._flag_changes({flag for flag in flags if flag})
        return Filing(remove=(*chosen, *important), flags=changes)

    def _flag_changes(self, wanted: set[str]) -> tuple[FlagChange, ...]:
        on = tuple(_FLAG_NAMES[flag] for flag in sorted(wanted))
        off = tuple(_FLAG_NAMES[flag] for flag in _FLAG_NAMES if flag not in wanted)
        changes = []
        if self.sign == "-":
            changes.append(FlagChange(FlagOperation.REMOVE, on))
        else:
            changes.append(FlagChange(FlagOperation.ADD, on))
        if not self.sign:
            changes.append(FlagChange(FlagOperation.REMOVE, off))
        return tuple(change for change in changes if change.flags)


async def _tell(context: Context, request: StoreRequest) -> None:
    """Tell the labels that the messages have now."""
    selected = context.selected
    view, mailbox = selected.view, selected.mailbox
    items: list[FetchItem] = [LABELS]
    if (request.by_uid or view.telling.uids) and not view.telling.uid_only:
        items.insert(0, UID)
    plan = Plan.of(items, Environment(context, mailbox, view))
    sender = Sender(context)
    async for batch in mailbox.fetch(request.uids, plan.columns):
        await sender.send_all(plan, batch, view.names(batch.uids))


def store_items(rfc: str) -> tuple[StoreItemSpec, ...]:
    """Give the specs of all forms of the item."""
    return tuple(
        StoreItemSpec(
            f"{sign}X-GM-LABELS{silent}", _parser(sign, silent=bool(silent)), rfc
        )
        for sign in ("", "+", "-")
        for silent in ("", ".SILENT")
    )


def _parser(sign: str, *, silent: bool) -> Callable[[Cursor], StoreLabels]:
    def parse(cursor: Cursor) -> StoreLabels:
        cursor.sp()
        if cursor.peek() != b"(":
            return StoreLabels(sign, (parse_label(cursor),), silent)
        start = cursor.at
        labels = cursor.parenthesised(lambda: parse_label(cursor))
        if len(labels) > MAX_LABELS:
            cursor.at = start
            raise cursor.fail(f"at most {MAX_LABELS} labels", "LIMIT")
        return StoreLabels(sign, labels, silent)

    return parse


# -- SEARCH


@dataclass(frozen=True, slots=True)
class LabelKey:
    """Messages that have a label; the mailbox that is searched is one of theirs."""

    label: bytes

    def unparse(self) -> bytes:
        """Write the key."""
        return b"X-GM-LABELS " + unparse_label(self.label)

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms. Raises `No` for what can be no label."""
        check_own(environment.context, environment.view.mailbox)
        label = system_label(self.label)
        if label is not None:
            return with_label(label)
        return AlsoIn(name=existing_name(environment.context, self.label))


def with_label(label: str) -> Predicate:
    """Give the messages with one of Gmail's own labels."""
    if label.lower() == INBOX_LABEL.lower():
        return AlsoIn(name=INBOX)
    use = use_of(label)
    flag = flag_of(label)
    if flag == STARRED:
        return HasSystemFlag(FLAGGED)
    placed = AlsoIn(use=use)
    return Or((HasKeyword(IMPORTANT_KEYWORD), placed)) if flag is not None else placed


def parse_label_key(cursor: Cursor, _: Registry) -> LabelKey:
    """Take the label. Raises `Malformed`."""
    cursor.sp()
    return LabelKey(parse_label(cursor))
