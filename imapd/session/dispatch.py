"""From a frame to its tagged reply: the one place where exceptions become answers.

The order of every command: name, state, grammar, run, untagged changes, tagged
reply. Whatever a handler raises ends here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Coroutine
from functools import lru_cache
from typing import Any, NamedTuple

from imapd.session.context import Context
from imapd.session.faults import Bad, Bye, ConnectionGone, Fault, No, fault_of
from imapd.session.registry import (
    LONGEST_UNDERSTOOD,
    CommandSpec,
    Completed,
    Registry,
    States,
)
from imapd.session.responses import may_be_kept, response_text
from imapd.session.watching import Moment, catch_up, quiet, tell
from imapd.wire import abnf
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.framing import Frame, Literal, Poison
from mailstore.errors import StoreError

_WORD = rb"[A-Za-z][A-Za-z0-9.-]{0,63}"
# A tag of at most 255 octets, which ends the text or has a space behind it.
_A_TAG = rb"%b{1,255}(?![^ ])" % abnf.tag.pattern.removesuffix(b"+")
_TAG = re.compile(_A_TAG)
# Behind one space a name, with UID before it or not.
_HEAD = re.compile(rb"(%b)(?: ((?:[Uu][Ii][Dd] )?%b))?" % (_A_TAG, _WORD))
_NOWHERE = (0, 0)

_WRONG_STATE = {
    States.NOT_AUTHENTICATED: "log in first",
    States.AUTHENTICATED: "select a mailbox first",
    States.SELECTED: "not while a mailbox is selected",
}
_NOT_AGAIN = "not while logged in"


class Head(NamedTuple):
    """A command's tag and name, read before anything else of it."""

    tag: bytes
    name: str
    end: int  # offset behind the name


def read_head(text: bytes) -> Head | None:
    """Read ``tag SP name``, the name with its ``UID`` if any.

    Gives None when there is no tag to answer with. A head without a readable
    name has the name ``""``.
    """
    found = _HEAD.match(text)
    if found is None:
        return None
    tag, name = found.groups()
    return Head(tag, "" if name is None else _name(name), found.end())


def command_name(text: bytes) -> str:
    """Give the name of the command that begins so, for logs; "" without one."""
    head = read_head(text)
    return "" if head is None else head.name


@lru_cache(maxsize=512)
def _name(written: bytes) -> str:
    return written.upper().decode("ascii")


def find_spec(registry: Registry, head: Head) -> CommandSpec:
    """Find the command that a head names. Raises `Bad`."""
    spec = registry.commands.get(head.name)
    if spec is None:
        raise Bad(
            f"unknown command {head.name}" if head.name else "a command is missing"
        )
    return spec


def check_state(spec: CommandSpec, state: States) -> None:
    """Refuse a command in the wrong state (RFC 3501 §3). Raises `Bad`."""
    if state not in spec.allowed:
        again = spec.states is States.NOT_AUTHENTICATED
        raise Bad(f"{spec.name}: {_NOT_AGAIN if again else _WRONG_STATE[state]}")


def parse_command(
    registry: Registry,
    spec: CommandSpec,
    text: bytes,
    end: int,
    literals: tuple[Literal, ...] = (),
    *,
    utf8: bool = False,
    charsets: bool = True,
) -> Any:  # noqa: ANN401 - each command has its own node
    """Parse what stands behind a command's name.

    Raises `Bad` with what was wanted, and where.
    """
    cursor = Cursor(text, literals)
    cursor.at = end
    cursor.utf8, cursor.charsets = utf8, charsets
    cursor.terminals = registry.terminals
    try:
        return spec.parse(cursor, registry)
    except Malformed as fault:
        raise Bad(
            f"{spec.name}: {fault.wanted} wanted at octet {fault.at}", fault.code
        ) from fault


def run_frame(
    context: Context, frame: Frame, now: float
) -> str | Coroutine[Any, Any, str]:
    """Answer one command; gives its outcome (OK, NO, BAD) for counts and logs.

    It is answered at once as long as neither the handler nor what is told behind it
    waits for anything; else what is given is to be awaited, with nothing else of this
    connection in between. ``now``: what the clock shows. Raises `Bye` and
    `ConnectionGone`, which end the connection.
    """
    found = _TAG.match(frame.text)
    if found is None:
        context.tag = b"*"
        return _finish(context, Bad("a command begins with a tag and a space"))
    context.tag = found[0]
    context.counts_by_number = False
    context.far = _NOWHERE
    context.heard = now
    spec: CommandSpec | None = None
    try:
        spec, node = _understand(context, frame, found.end())
        selected = context.session.selected
        waits = None
        if selected is not None and spec.syncs:
            waits = catch_up(context, selected)
        if waits is not None:
            return _run_behind(waits, context, frame, spec, node)
        outcome = spec.run(context, node)
    except Exception as error:  # noqa: BLE001 - the session survives every defect
        return _conclude(context, spec, _fault(context, frame, error))
    if isinstance(outcome, Completed):
        return _conclude(context, spec, outcome)
    return _wait_for(context, frame, spec, outcome)


async def _run_behind(
    waits: Awaitable[None],
    context: Context,
    frame: Frame,
    spec: CommandSpec,
    node: Any,  # noqa: ANN401 - each command has its own
) -> str:
    async def run() -> Completed:
        await waits
        outcome = spec.run(context, node)
        return outcome if isinstance(outcome, Completed) else await outcome

    return await _wait_for(context, frame, spec, run())


async def _wait_for(
    context: Context, frame: Frame, spec: CommandSpec, running: Awaitable[Completed]
) -> str:
    outcome: Completed | Fault
    try:
        outcome = await running
    except Exception as error:  # noqa: BLE001 - the session survives every defect
        outcome = _fault(context, frame, error)
    concluded = _conclude(context, spec, outcome)
    return concluded if isinstance(concluded, str) else await concluded


def _conclude(
    context: Context, spec: CommandSpec | None, outcome: Completed | Fault
) -> str | Coroutine[Any, Any, str]:
    """Tell of changes, if there are any, and give the tagged reply."""
    if spec is None or not spec.syncs or isinstance(outcome, Bad):
        return _finish(context, outcome)
    try:
        if quiet(context):
            return _finish(context, outcome)
    except StoreError:
        pass  # so will `tell`, which says so in the log
    return _finish_behind_changes(context, spec, outcome)


async def _finish_behind_changes(
    context: Context, spec: CommandSpec, outcome: Completed | Fault
) -> str:
    removals = not (spec.holds_removals or context.counts_by_number)
    await _tell(context, removals=removals, with_uid=spec.by_uid)
    return _finish(context, _with_news(context, outcome))


def _fault(context: Context, frame: Frame, error: Exception) -> Fault:
    """Make an answer of what a command has raised.

    Raises `Bye` and `ConnectionGone` again.
    """
    for literal in frame.literals:  # free what a refused command's literals hold
        if literal.sink is not None:
            literal.sink.abort()
    if isinstance(error, Bye | ConnectionGone):
        raise error
    if isinstance(error, Fault):
        return error
    services, session = context.services, context.session
    if isinstance(error, StoreError):
        if error.detail:
            services.log.event("store", error=str(error), id=session.id)
        return fault_of(error)
    return No(defect(context, error, command_name(frame.text)), "SERVERBUG")


def defect(context: Context, error: Exception, command: str = "") -> str:
    """Log what nobody has foreseen; gives what its client is told."""
    session = context.session
    mark = context.services.log.failure(
        error, id=session.id, user=session.user, command=command
    )
    return f"internal error {mark}; the log tells more"


def _understand(context: Context, frame: Frame, end: int) -> tuple[CommandSpec, Any]:
    """Find a frame's command and parse it; its tag ends at ``end``.

    Raises the `Fault` that refuses it.
    """
    if frame.poison is not None:
        raise _poisoned(frame.poison)
    session = context.session
    telling = session.telling
    # Clients repeat themselves. What a text means depends on nothing else.
    key = frame.text[end:], telling.utf8, telling.charsets
    found = context.services.registry.understood.get(key)
    if found is not None:
        spec = found[0]
        if session.state in spec.allowed and not (spec.by_number and telling.uid_only):
            return found
    return _read(context, frame, key)


def _read(
    context: Context, frame: Frame, key: tuple[bytes, bool, bool]
) -> tuple[CommandSpec, Any]:
    """Understand a command that was not met lately, or say why it may not run now."""
    registry, session = context.services.registry, context.session
    head = read_head(frame.text)
    assert head is not None
    spec = find_spec(registry, head)
    check_state(spec, session.state)
    if spec.by_number and session.telling.uid_only:
        raise Bad(f"{spec.name}: messages have UIDs here, no numbers", "UIDREQUIRED")
    text, utf8, charsets = key
    node = parse_command(
        registry,
        spec,
        frame.text,
        head.end,
        frame.literals,
        utf8=utf8,
        charsets=charsets,
    )
    if len(text) <= LONGEST_UNDERSTOOD and not (frame.literals or spec.secret):
        registry.understood.keep(key, (spec, node))
    return spec, node


def _poisoned(poison: Poison) -> Fault:
    if isinstance(poison.cause, Fault):
        return poison.cause
    return Bad(poison.text, poison.code)


async def _tell(context: Context, *, removals: bool, with_uid: bool) -> None:
    try:
        moment = Moment.END if removals else Moment.HOLD
        await tell(context, moment, with_uid=with_uid)
    except StoreError as error:
        context.services.log.event("store", error=str(error), id=context.session.id)
    finally:
        # A client may not want to hear of this mailbox now, but later (RFC 5465 §3.1).
        selected = context.session.selected
        if selected is not None:
            selected.view.forget_known()


def _with_news(context: Context, outcome: Completed | Fault) -> Completed | Fault:
    """Put the code that the view owes its client into the reply, or before it."""
    selected = context.session.selected
    code = selected.view.code() if selected is not None else None
    if code is None:
        return outcome
    if isinstance(outcome, Completed) and outcome.code is None:
        # RFC 7162 §3.2.7, §3.2.9: in the tagged OK of EXPUNGE and its like.
        return outcome._replace(code=code)
    context.reply.untagged(context.status(b"OK", "told up to here", code))
    return outcome


def _finish(context: Context, outcome: Completed | Fault) -> str:
    """Give the tagged reply; gives its condition as text."""
    if isinstance(outcome, Fault):
        return _refuse(context, outcome)
    text, code, then = outcome
    make = _rest_of_tagged if code is None else _rest_of_tagged.__wrapped__
    rest = make(b"OK", text, code, context.session.telling.language)
    context.reply.finish(context.tag + rest)
    if then is not None:
        context.reply.flush()  # what follows may change how octets are sent
        then()
    return "OK"


def _refuse(context: Context, fault: Fault) -> str:
    text, code = fault.text, fault.code
    kept = may_be_kept(text, code)
    make = _rest_of_tagged if kept else _rest_of_tagged.__wrapped__
    rest = make(fault.status, text, code, context.session.telling.language)
    context.reply.finish(context.tag + rest)
    return fault.status.decode("ascii")


@lru_cache(maxsize=512)
def _rest_of_tagged(kind: bytes, text: str, code: str | None, language: str) -> bytes:
    """Render what stands behind the tag of a tagged response (RFC 3501 §7.1)."""
    return b" %b %b\r\n" % (kind, response_text(text, code, language))
