"""What SEARCH, SORT and their like have in common: return options and the answer.

RFC 4466 §2.6, §3; RFC 4731 §3.1, RFC 5267 §3. It knows no option by what it does, only
their port `SearchReturnSpec`. Example::

    a SEARCH RETURN (MIN COUNT) FLAGGED
    * ESEARCH (TAG "a") MIN 2 COUNT 3
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from imapd.session.bounds import cut_search, with_code
from imapd.session.faults import Bad, ConnectionGone
from imapd.session.plugs import ReturnArgument, SearchReturnSpec
from imapd.session.registry import Completed, Registry
from imapd.session.search_program import known_to, lower_keys
from imapd.session.search_result import (
    ReturnOption,
    Searching,
    SearchResult,
    following,
)
from imapd.session.view import View
from imapd.wire.cursor import Cursor
from imapd.wire.encode import string
from mailstore.service import Mailbox

_OPTION = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")
_DEFAULT = "ALL"  # RFC 4731 §3.1: what () stands for
_LONG = 1_024  # octets of a piece behind which the client is waited for


def parse_returns(
    cursor: Cursor, registry: Registry, specs: Mapping[str, SearchReturnSpec]
) -> tuple[ReturnOption, ...] | None:
    """Take ``SP "RETURN" SP "(" options ")"`` if it is there; None if it isn't.

    An option that is said twice counts once. Where ALL is no option there are none
    at all. Raises `Malformed`.
    """
    if _DEFAULT not in specs or not cursor.accept(b" RETURN "):
        return None
    start = cursor.at
    options = cursor.parenthesised(lambda: _parse_option(cursor, registry, specs))
    unique = tuple(dict.fromkeys(options))
    groups = [group for one in unique if (group := specs[one.name].group)]
    names = [option.name for option in unique]
    if len(set(groups)) < len(groups) or len(set(names)) < len(names):
        cursor.at = start
        raise cursor.fail("return options that go together")
    return unique


def _parse_option(
    cursor: Cursor, registry: Registry, specs: Mapping[str, SearchReturnSpec]
) -> ReturnOption:
    start = cursor.at
    name = cursor.need(_OPTION, "a return option")[0].decode("ascii").upper()
    spec = specs.get(name)
    if spec is None:
        cursor.at = start
        raise cursor.fail("a return option")
    if spec.parse is None or (spec.optional and cursor.peek(2) != b" ("):
        return ReturnOption(name)
    cursor.sp()
    return ReturnOption(name, spec.parse(cursor, registry))


def unparse_returns(returns: Sequence[ReturnOption] | None) -> bytes:
    """Write `` RETURN (...)``, or nothing, as a client would."""
    if returns is None:
        return b""
    return b" RETURN (%b)" % b" ".join([option.unparse() for option in returns])


async def run_searching(searching: Searching, text: str) -> Completed:
    """Find messages of the selected mailbox, and answer; ``text`` is for the reply.

    Raises `Bad` and `No` as `lower_keys` does, and what return options refuse.
    """
    if not searching.returns:
        result = await _found_and_told(searching)
    else:
        with returns_at_work(searching):
            result = await _found_and_told(searching)
            await finish_returns(result)
    return with_code(searching.context, Completed(text), result.code)


async def _found_and_told(searching: Searching) -> SearchResult:
    selected = searching.context.selected
    result = await find_messages(searching, selected.mailbox, selected.view)
    await tell_result(result)
    return result


@contextmanager
def returns_at_work(searching: Searching) -> Iterator[None]:
    """Begin a command's return options, and tell them if it ends with NO."""
    try:
        for spec, argument in searching.options():
            if spec.begin is not None:
                spec.begin(searching, argument)
        yield
    except (Bad, ConnectionGone):
        raise
    except Exception:
        for spec, argument in searching.options():
            if spec.fail is not None:
                spec.fail(searching, argument)
        raise


async def find_messages(
    searching: Searching, mailbox: Mailbox, view: View
) -> SearchResult:
    """Find messages of one mailbox among those that the view has.

    Raises `Bad` and `No` as `lower_keys` does.
    """
    context = searching.context
    predicate = lower_keys(context, view, searching.keys, searching.charset)
    # RFC 9738 §3.3: an order, too, is one of the messages that were looked at.
    bounded, code = cut_search(context, view, predicate)
    with context.at_work():
        uids = await searching.find(
            mailbox, bounded, following(context, searching.progress)
        )
    if searching.ascending:
        uids = known_to(view, uids)
    elif max(uids, default=0) > view.largest_uid:
        uids = [uid for uid in uids if uid <= view.largest_uid]
    return SearchResult(searching, mailbox, view, predicate, uids, code)


async def finish_returns(result: SearchResult) -> None:
    """Let the return options do what comes after the answer."""
    for spec, argument in result.searching.options():
        if spec.finish is not None:
            await spec.finish(result, argument)


async def tell_result(result: SearchResult) -> None:
    """Answer with what was found: SEARCH or SORT, or ESEARCH where it was asked for."""
    searching = result.searching
    if searching.returns is None:
        await _tell_plainly(result)
    elif not searching.returns or any(spec.answers for spec, _ in searching.options()):
        await tell_esearch(result, b"(TAG %b)" % string(searching.context.tag))


async def _tell_plainly(result: SearchResult) -> None:
    """Answer with numbers alone (RFC 3501 §7.2.5, RFC 5256 §4)."""
    reply = result.searching.context.reply
    reply.write(b"* " + result.searching.word)
    for piece in result.plain():
        reply.write(piece)
        await reply.pace()
    for name, value in await _data(result):
        reply.write(b" (%b %d)" % (name, value))
    reply.write(b"\r\n")


async def tell_esearch(result: SearchResult, correlator: bytes) -> None:
    """Answer with one ESEARCH response (RFC 4466 §3: esearch-response).

    Its items are in the order of the registry, whatever order the client had.
    """
    searching, reply = result.searching, result.searching.context.reply
    reply.write(b"* ESEARCH %b%b" % (correlator, b" UID" if searching.by_uid else b""))
    for spec, argument in _ordered(searching):
        if spec.data is None:
            continue
        first = True
        async for piece in spec.data(result, argument):
            reply.write(b" " + piece if first else piece)
            first = False
            if len(piece) >= _LONG:
                await reply.stand_aside()
    for name, value in await _data(result):
        reply.write(b" %b %d" % (name, value))
    reply.write(b"\r\n")


def _ordered(
    searching: Searching,
) -> list[tuple[SearchReturnSpec, ReturnArgument | None]]:
    if not searching.returns:
        return [(searching.specs[_DEFAULT], None)]
    rank = {name: at for at, name in enumerate(searching.specs)}
    return sorted(searching.options(), key=lambda option: rank[option[0].name])


async def _data(result: SearchResult) -> list[tuple[bytes, int]]:
    """Give what the search keys ask to be told beside the messages."""
    wanted = [
        spec
        for spec in result.searching.context.registry.search_data.values()
        if spec.wanted(result.predicate)
    ]
    found: list[tuple[bytes, int]] = []
    if not wanted:
        return found
    chosen = result.chosen()
    for spec in wanted if chosen else ():
        value = await spec.value(result.mailbox, chosen)
        if value is not None:
            found.append((spec.name.encode("ascii"), value))
    return found
