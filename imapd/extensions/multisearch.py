"""MULTISEARCH: ESEARCH looks through several mailboxes (RFC 7377).

::

    esearch              =  "ESEARCH" [SP esearch-source-opts]
                            [SP search-return-opts] SP search-program
    esearch-source-opts  =  "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
    source-mbox          =  filter-mailboxes *(SP filter-mailboxes)

    tag1 ESEARCH IN (mailboxes "folder1" subtree "folder2") UNSEEN
    * ESEARCH (TAG "tag1" MAILBOX "folder1" UIDVALIDITY 1) UID ALL 4001,4003
    tag1 OK ESEARCH completed

Which mailbox is selected stays as it is. Of the selected one the client hears what
its view has; the others are looked at as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from imapd.session.bounds import with_code
from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.listing import in_parts
from imapd.session.mailbox_scope import MailboxScope, merged
from imapd.session.names import uses_utf8
from imapd.session.plugs import ReturnScope, SearchKey
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.session.search_program import parse_charset, parse_search_keys
from imapd.session.search_result import ReturnOption, Searching, SearchResult
from imapd.session.searching import (
    find_messages,
    finish_returns,
    parse_returns,
    returns_at_work,
    tell_esearch,
    unparse_returns,
)
from imapd.session.state import Selected
from imapd.session.view import View
from imapd.syntax.mailbox import render_name
from imapd.syntax.mailbox_filter import FilterKind, MailboxFilter
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring, string
from mailstore.errors import NotFound, NotPermitted
from mailstore.model import MailboxEntry
from mailstore.service import Mailbox

# RFC 7377 §2.2: no "selected-delayed" here.
_KINDS = frozenset(FilterKind) - {FilterKind.SELECTED_DELAYED}
_SELECTED = MailboxFilter(FilterKind.SELECTED)


@dataclass(frozen=True, slots=True)
class MultiSearch:
    """Find the messages of several mailboxes of which all keys hold.

    ``sources`` is None without IN: the selected mailbox.
    """

    keys: tuple[SearchKey, ...]
    sources: tuple[MailboxFilter, ...] | None = None
    charset: bytes | None = None
    returns: tuple[ReturnOption, ...] | None = None

    def __post_init__(self) -> None:
        if self.sources == ():
            raise ValueError("there is at least one source")


def parse(cursor: Cursor, registry: Registry) -> MultiSearch:
    """Take the arguments of ESEARCH. Raises `Malformed`."""
    sources = _parse_sources(cursor) if cursor.accept(b" IN ") else None
    returns = parse_returns(cursor, registry, registry.search_returns)
    cursor.sp()
    charset = parse_charset(cursor)
    keys = parse_search_keys(cursor, registry)
    return MultiSearch(keys, sources, charset, returns)


def _parse_sources(cursor: Cursor) -> tuple[MailboxFilter, ...]:
    # RFC 7377 §4 keeps a place for scope options and defines none.
    return cursor.parenthesised(lambda: MailboxFilter.parse(cursor, _KINDS), least=1)


def unparse(node: MultiSearch) -> bytes:
    """Write the command as a client would."""
    text = b"ESEARCH"
    if node.sources is not None:
        text += b" IN (%b)" % b" ".join([one.unparse() for one in node.sources])
    text += unparse_returns(node.returns)
    if node.charset is not None:
        text += b" CHARSET " + client_astring(node.charset)
    return b" ".join([text, *[key.unparse() for key in node.keys]])


async def run(context: Context, node: MultiSearch) -> Completed:
    """Answer for each mailbox that has such messages.

    Raises `Bad` when a mailbox ought to be selected and none is, or when a return
    option does not go with several mailboxes; `No` as SEARCH does.
    """
    searching = Searching(
        context,
        node.keys,
        node.charset,
        node.returns or (),
        context.registry.search_returns,
        by_uid=True,
    )
    sources = node.sources or (_SELECTED,)
    entries = await _entries(context, sources)
    _check_returns(context, searching, sources, entries)
    codes: list[str | None] = []
    with returns_at_work(searching):
        for at, entry in enumerate(entries):
            # The steps of one mailbox are nothing to go by: mailboxes are counted.
            tell = partial(_progress, context, at, len(entries))
            tell(0, 0)
            codes.append(await _search_one(searching._replace(progress=tell), entry))
            await context.reply.give_way()
    code = next(filter(None, codes), None)
    if code is not None and len(codes) > 1:
        code = code.rpartition(" ")[0]  # RFC 9738 §5: UIDs of several mailboxes
    return with_code(context, Completed("ESEARCH completed"), code)


def _progress(context: Context, done: int, total: int, *_: int) -> None:
    context.progress(done, total)


def _is_selected(context: Context, entry: MailboxEntry) -> bool:
    selected = context.session.selected
    return selected is not None and selected.mailbox.id == entry.id


async def _entries(
    context: Context, sources: tuple[MailboxFilter, ...]
) -> list[MailboxEntry]:
    """Give the mailboxes that are to be searched, each once, in LIST's order."""
    scopes = merged([MailboxScope.of(context, one) for one in sources])
    with_selected = any(one.kind is FilterKind.SELECTED for one in sources)
    if with_selected and context.session.selected is None:
        raise Bad("select a mailbox first")
    found: list[MailboxEntry] = []
    for part in in_parts(await context.account.mailboxes(removed=True)):
        found += [
            entry
            for entry in part
            if any(scope.covers(entry) for scope in scopes)
            or (with_selected and _is_selected(context, entry))
        ]
        await context.reply.stand_aside()
    most = context.services.limits().search_mailboxes
    if len(found) > most:
        raise No(f"a search may be of {most} mailboxes at most", "LIMIT")
    return found


def _check_returns(
    context: Context,
    searching: Searching,
    sources: tuple[MailboxFilter, ...],
    entries: list[MailboxEntry],
) -> None:
    """Refuse options that are about the selected mailbox (§2.2). Raises `Bad`."""
    alone = all(one.kind is FilterKind.SELECTED for one in sources)
    there = any(_is_selected(context, entry) for entry in entries)
    for spec, _ in searching.options():
        if spec.scope is ReturnScope.SELECTED_ALONE and not alone:
            raise Bad(f"{spec.name} is for the selected mailbox alone")
        if spec.scope is ReturnScope.SELECTED and not there:
            raise Bad(f"{spec.name} is for the selected mailbox")


async def _search_one(searching: Searching, entry: MailboxEntry) -> str | None:
    """Search a mailbox; gives the code that the reply is to have.

    One that is gone, or not for this person, is passed over.
    """
    context = searching.context
    if _is_selected(context, entry):
        chosen: Selected = context.selected
        result = await find_messages(searching, chosen.mailbox, chosen.view)
        await _tell(result, entry.name)
        await finish_returns(result)
        return result.code
    try:
        async with _opened(context, entry) as mailbox:
            view = View(mailbox, context.session.telling)
            result = await find_messages(searching, mailbox, view)
            await _tell(result, entry.name)
            return result.code
    except (NotFound, NotPermitted):
        return None


@asynccontextmanager
async def _opened(context: Context, entry: MailboxEntry) -> AsyncIterator[Mailbox]:
    """Open a mailbox for reading while one looks through it."""
    mailbox = await context.account.open(entry.name, readonly=True)
    try:
        yield mailbox
    finally:
        await mailbox.close()


async def _tell(result: SearchResult, name: str) -> None:
    """Answer for one mailbox, if anything was found there (§2.1)."""
    searching = result.searching
    options = list(searching.options())
    if not result.uids or (options and not any(spec.answers for spec, _ in options)):
        return
    context = searching.context
    correlator = b"(TAG %b MAILBOX %b UIDVALIDITY %d)" % (
        string(context.tag),
        render_name(name, utf8=uses_utf8(context)),
        result.mailbox.uidvalidity,
    )
    await tell_esearch(result, correlator)


FEATURE = Feature(
    name="MULTISEARCH",
    rfc=("7377",),
    capabilities=(Capability("MULTISEARCH"),),
    commands=(
        CommandSpec(
            name="ESEARCH",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 7377 §2",
        ),
    ),
    requires=("ESEARCH",),
)
