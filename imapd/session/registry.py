"""Where features plug in: a closed list of plug points, checked at start.

A feature is a unit of the specification. It brings commands, fetch items, search
keys and so on as data; the registry merges the enabled ones and refuses to start
when two claim the same name or a requirement is missing.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from imapd.session.appending import AppendDataSpec, AppendOptionSpec
from imapd.session.listing import ListAttributes, ListReturnSpec, ListSelectionSpec
from imapd.session.memo import Memo
from imapd.session.parameters import (
    CreateCode,
    FetchModifierSpec,
    RenameCode,
    SelectParameterSpec,
    SelectResponse,
    StoreModifierSpec,
)
from imapd.session.plugs import (
    FetchItemSpec,
    SearchDataSpec,
    SearchKeySpec,
    SearchReturnSpec,
    SortKeySpec,
    StatusItemSpec,
)
from imapd.session.storing import StoreItemSpec
from imapd.session.watching import News
from imapd.wire.cursor import Cursor
from imapd.wire.framing import LiteralAnnounced, LiteralSink

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.credentials import Grant
    from imapd.session.limits import Limits
    from imapd.session.state import SessionState


LONGEST_UNDERSTOOD = 256
"""Octets behind the tag of a command that `Registry.understood` may have."""


class States(enum.Flag):
    """The states in which a command is allowed (RFC 3501 §3)."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()
    LOGGED_IN = AUTHENTICATED | SELECTED
    ANY = NOT_AUTHENTICATED | AUTHENTICATED | SELECTED


class Effects(enum.Flag):
    """What a command does beside its answer, as data."""

    NONE = 0
    HOLDS_REMOVALS = enum.auto()  # no EXPUNGE during it (RFC 3501 §7.4.1)
    BY_NUMBER = enum.auto()  # it takes or tells message numbers, not UIDs
    ARGUMENTS_SECRET = enum.auto()  # its arguments never reach a log
    NO_SYNC = enum.auto()  # the view is not told of changes after it


class Completed(NamedTuple):
    """A tagged OK, and what is to happen once it was sent."""

    text: str
    code: str | None = None
    then: Callable[[], None] | None = None


Parse = Callable[[Cursor, "Registry"], Any]
Run = Callable[["Context", Any], Completed | Awaitable[Completed]]
LiteralPolicy = Callable[["Context", LiteralAnnounced], Awaitable[LiteralSink | None]]


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """Everything about a command that is not an algorithm.

    ``name`` is upper case; the UID form of a command is a spec of its own, named
    ``UID FETCH``. ``parse`` begins behind the name (at the space, if any) and reads
    to the end of the command; ``unparse`` gives what stands behind the tag. ``run`` may
    be a plain function where nothing has to be waited for, or give what to await only
    when something has.
    ``literal_policy`` is asked before a literal is accepted: it gives a sink, or
    None to keep the literal in memory, or raises a fault that refuses it.
    """

    name: str
    parse: Parse
    unparse: Callable[[Any], bytes]
    run: Run
    states: States
    rfc: str
    effects: Effects = Effects.NONE
    literal_policy: LiteralPolicy | None = None
    # What each command asks of its spec, worked out once: operators of flags are slow.
    allowed: tuple[States, ...] = field(init=False, repr=False, compare=False)
    syncs: bool = field(init=False, repr=False, compare=False)
    holds_removals: bool = field(init=False, repr=False, compare=False)
    by_number: bool = field(init=False, repr=False, compare=False)
    by_uid: bool = field(init=False, repr=False, compare=False)
    secret: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what the flags say."""
        put, effects = object.__setattr__, self.effects
        put(self, "allowed", tuple([one for one in States if one & self.states]))
        put(self, "syncs", not effects & Effects.NO_SYNC)
        put(self, "holds_removals", bool(effects & Effects.HOLDS_REMOVALS))
        put(self, "by_number", bool(effects & Effects.BY_NUMBER))
        put(self, "by_uid", self.name.startswith("UID "))
        put(self, "secret", bool(effects & Effects.ARGUMENTS_SECRET))


Progress = Callable[["Context", int, int], None]
"""Hears now and then how much of a long command is done, and of how much."""


Added = Callable[["Context", str], Awaitable[None]]
"""Hears of the mailbox to which a command has added messages, before its answer."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability's text, and the states in which it holds (None: always).

    With ``value`` a limit is told behind it: ``APPENDLIMIT=67108864``.
    """

    text: str
    when: Callable[[SessionState], bool] | None = None
    value: Callable[[Limits], int] | None = None

    def told(self, session: SessionState) -> str:
        """Give it as CAPABILITY tells it."""
        if self.value is None:
            return self.text
        return f"{self.text}={self.value(session.limits())}"


@dataclass(frozen=True, slots=True)
class Enabling:
    """A name that ENABLE takes (RFC 5161), and what is done when it is enabled.

    ``SessionState.enabled`` has the name from then on.
    """

    name: str
    enable: Callable[[SessionState], None] | None = None
    spelling: str | None = None  # where it isn't in upper case

    @property
    def told(self) -> str:
        """Give the name as ENABLED tells it."""
        return self.spelling or self.name


LoginCheck = Callable[["Context", "Grant"], None]
"""Asked about somebody who has proved who he is; raises a fault to keep him out."""


MetadataCheck = Callable[["Context", str, bytes], None]
"""Asked about an annotation of the server that is to be set, its name and its value;
raises a fault to refuse it (RFC 5464 §4.3)."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A unit of the specification that can be listed, documented and switched off.

    ``since`` is the version of this program that first had it.
    """

    name: str
    rfc: tuple[str, ...]
    capabilities: tuple[Capability, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    fetch_items: tuple[FetchItemSpec, ...] = ()
    fetch_modifiers: tuple[FetchModifierSpec, ...] = ()
    store_items: tuple[StoreItemSpec, ...] = ()
    store_modifiers: tuple[StoreModifierSpec, ...] = ()
    select_parameters: tuple[SelectParameterSpec, ...] = ()
    select_responses: tuple[SelectResponse, ...] = ()
    create_codes: tuple[CreateCode, ...] = ()
    rename_codes: tuple[RenameCode, ...] = ()
    login_checks: tuple[LoginCheck, ...] = ()
    metadata_checks: tuple[MetadataCheck, ...] = ()
    search_keys: tuple[SearchKeySpec, ...] = ()
    search_returns: tuple[SearchReturnSpec, ...] = ()
    sort_keys: tuple[SortKeySpec, ...] = ()
    sort_returns: tuple[SearchReturnSpec, ...] = ()
    search_data: tuple[SearchDataSpec, ...] = ()
    status_items: tuple[StatusItemSpec, ...] = ()
    list_attributes: tuple[ListAttributes, ...] = ()
    list_selections: tuple[ListSelectionSpec, ...] = ()
    list_returns: tuple[ListReturnSpec, ...] = ()
    enables: tuple[Enabling, ...] = ()
    news: tuple[News, ...] = ()
    message_events: tuple[str, ...] = ()  # that a `Watch` may want, as they are told
    append_data: tuple[AppendDataSpec, ...] = ()
    append_options: tuple[AppendOptionSpec, ...] = ()
    append_most: int = 1  # messages that one APPEND may bring
    progress: tuple[Progress, ...] = ()
    added: tuple[Added, ...] = ()
    terminals: tuple[bytes, ...] = ()  # new in the grammar that all commands share
    requires: tuple[str, ...] = ()
    since: str = "0.1.0"
    instead_of: tuple[str, ...] = ()  # features that go when this one is there
    unasked_literal: int | None = None  # octets of a literal sent without asking


class RegistryError(Exception):
    """The enabled features do not fit together; the server must not start."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Spec = TypeVar("_Spec", bound=_Named)


def _joined(capabilities: Iterable[Capability]) -> Iterator[Capability]:
    """Join those that always hold: every client is told them all, twice."""
    texts: list[str] = []
    for one in capabilities:
        if one.when is None and one.value is None:
            texts.append(one.text)
            continue
        if texts:
            yield Capability(" ".join(texts))
            texts.clear()
        yield one
    if texts:
        yield Capability(" ".join(texts))


def _merge(
    what: str,
    features: Iterable[Feature],
    plug: Callable[[Feature], Iterable[_Spec]],
) -> Mapping[str, _Spec]:
    merged: dict[str, _Spec] = {}
    for spec in (one for feature in features for one in plug(feature)):
        if spec.name != spec.name.upper():
            raise RegistryError(f"{what} {spec.name} is not upper case")
        if spec.name in merged:
            raise RegistryError(f"{what} {spec.name} is claimed twice")
        merged[spec.name] = spec
    return merged


def _check_together(features: Sequence[Feature]) -> None:
    """Check that nothing is there twice, and that what is required is there."""
    names = [feature.name for feature in features]
    if len(set(names)) != len(names):
        raise RegistryError("a feature is listed twice")
    for feature in features:
        for needed in feature.requires:
            if needed not in names:
                raise RegistryError(f"{feature.name} requires {needed}")
    texts = [c.text for f in features for c in f.capabilities]
    if len(set(texts)) != len(texts):
        raise RegistryError("a capability is claimed twice")


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """The enabled features, merged by plug point. Build it with `of`."""

    features: tuple[Feature, ...]
    commands: Mapping[str, CommandSpec] = field(repr=False)
    fetch_items: Mapping[str, FetchItemSpec] = field(repr=False)
    fetch_modifiers: Mapping[str, FetchModifierSpec] = field(repr=False)
    store_items: Mapping[str, StoreItemSpec] = field(repr=False)
    store_modifiers: Mapping[str, StoreModifierSpec] = field(repr=False)
    select_parameters: Mapping[str, SelectParameterSpec] = field(repr=False)
    select_responses: tuple[SelectResponse, ...] = field(repr=False)
    create_codes: tuple[CreateCode, ...] = field(repr=False)
    rename_codes: tuple[RenameCode, ...] = field(repr=False)
    login_checks: tuple[LoginCheck, ...] = field(repr=False)
    metadata_checks: tuple[MetadataCheck, ...] = field(repr=False)
    search_keys: Mapping[str, SearchKeySpec] = field(repr=False)
    search_returns: Mapping[str, SearchReturnSpec] = field(repr=False)
    sort_keys: Mapping[str, SortKeySpec] = field(repr=False)
    sort_returns: Mapping[str, SearchReturnSpec] = field(repr=False)
    search_data: Mapping[str, SearchDataSpec] = field(repr=False)
    status_items: Mapping[str, StatusItemSpec] = field(repr=False)
    list_attributes: tuple[ListAttributes, ...] = field(repr=False)
    list_selections: Mapping[str, ListSelectionSpec] = field(repr=False)
    list_returns: Mapping[str, ListReturnSpec] = field(repr=False)
    enables: Mapping[str, Enabling] = field(repr=False)
    news: tuple[News, ...] = field(repr=False)
    message_events: Mapping[str, str] = field(repr=False)  # by name in upper case
    append_data: Mapping[str, AppendDataSpec] = field(repr=False)
    append_options: Mapping[str, AppendOptionSpec] = field(repr=False)
    append_most: int
    progress: tuple[Progress, ...] = field(repr=False)
    added: tuple[Added, ...] = field(repr=False)
    terminals: frozenset[bytes]
    capabilities: tuple[Capability, ...] = field(repr=False)
    unasked_literal: int | None

    announced: tuple[Capability, ...] = field(init=False, repr=False)
    """Those that always hold joined with their neighbours."""

    news_for_all: tuple[News, ...] = field(init=False, repr=False)
    """What sessions hear of that have asked for nothing."""

    items_of_text: Memo[tuple[bytes, bool], Any] = field(
        init=False, repr=False, compare=False, default_factory=lambda: Memo(256)
    )
    """What stands behind the messages in a FETCH, as its parser has understood it."""

    understood: Memo[tuple[bytes, bool, bool], tuple[CommandSpec, Any]] = field(
        init=False, repr=False, compare=False, default_factory=lambda: Memo(256)
    )
    """Short commands without secrets by what stands behind their tag."""

    def __post_init__(self) -> None:
        """Join capabilities, and choose from news."""
        object.__setattr__(self, "announced", tuple(_joined(self.capabilities)))
        for_all = tuple([one for one in self.news if one.for_all])
        object.__setattr__(self, "news_for_all", for_all)

    @classmethod
    def of(cls, features: Iterable[Feature]) -> Registry:
        """Merge features.

        Raises `RegistryError` on a name that is claimed twice or a requirement
        that is not among them.
        """
        given = tuple(features)
        replaced = {name for feature in given for name in feature.instead_of}
        chosen = tuple([one for one in given if one.name not in replaced])
        _check_together(chosen)
        return cls(
            features=chosen,
            commands=_merge("command", chosen, lambda f: f.commands),
            fetch_items=_merge("item", chosen, lambda f: f.fetch_items),
            fetch_modifiers=_merge(
                "fetch modifier", chosen, lambda f: f.fetch_modifiers
            ),
            store_items=_merge("store item", chosen, lambda f: f.store_items),
            store_modifiers=_merge(
                "store modifier", chosen, lambda f: f.store_modifiers
            ),
            select_parameters=_merge(
                "select parameter", chosen, lambda f: f.select_parameters
            ),
            select_responses=tuple(r for f in chosen for r in f.select_responses),
            create_codes=tuple(c for f in chosen for c in f.create_codes),
            rename_codes=tuple(c for f in chosen for c in f.rename_codes),
            login_checks=tuple(c for f in chosen for c in f.login_checks),
            metadata_checks=tuple(c for f in chosen for c in f.metadata_checks),
            search_keys=_merge("key", chosen, lambda f: f.search_keys),
            sort_keys=_merge("sort key", chosen, lambda f: f.sort_keys),
            search_returns=_merge("return option", chosen, lambda f: f.search_returns),
            sort_returns=_merge("return option", chosen, lambda f: f.sort_returns),
            search_data=_merge("data", chosen, lambda f: f.search_data),
            status_items=_merge("item", chosen, lambda f: f.status_items),
            append_data=_merge("data", chosen, lambda f: f.append_data),
            append_options=_merge("option", chosen, lambda f: f.append_options),
            append_most=max((f.append_most for f in chosen), default=1),
            list_attributes=tuple(a for f in chosen for a in f.list_attributes),
            list_selections=_merge(
                "selection option", chosen, lambda f: f.list_selections
            ),
            list_returns=_merge("return option", chosen, lambda f: f.list_returns),
            enables=_merge("ENABLE name", chosen, lambda f: f.enables),
            progress=tuple(p for f in chosen for p in f.progress),
            added=tuple(a for f in chosen for a in f.added),
            terminals=frozenset(text for f in chosen for text in f.terminals),
            news=tuple(n for f in chosen for n in f.news),
            message_events={e.upper(): e for f in chosen for e in f.message_events},
            capabilities=tuple(c for f in chosen for c in f.capabilities),
            unasked_literal=min(
                (f.unasked_literal for f in chosen if f.unasked_literal is not None),
                default=None,
            ),
        )

    def capability_text(self, session: SessionState) -> str:
        """List what holds in this session's state, as CAPABILITY tells it."""
        return " ".join(
            c.told(session) for c in self.announced if c.when is None or c.when(session)
        )
