"""From a frame to its tagged reply: the one place where exceptions become answers.

The order of every command: name, state, grammar, run, untagged changes, tagged
reply. Whatever a handler raises ends here and nowhere else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from imapd.session.context import Context
from imapd.session.faults import Bad, Bye, ConnectionGone, Fault, No, fault_of
from imapd.session.registry import CommandSpec, Completed, Registry, States
from imapd.session.responses import may_be_kept, response_text
from imapd.session.watching import Moment, catch_up, tell
from imapd.wire import abnf
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.framing import Frame, Literal
from mailstore.errors import StoreError

_WORD = rb"[A-Za-z][A-Za-z0-9.-]{0,63}"
# A tag of at most 255 octets, and behind one space a name, with UID before it or not.
_HEAD = re.compile(
    rb"(%b{1,255})(?![^ ])(?: ((?:[Uu][Ii][Dd] )?%b))?"
    % (abnf.tag.pattern.removesuffix(b"+"), _WORD)
)
_LONGEST_REMEMBERED = 256
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


async def run_frame(context: Context, frame: Frame, head: Head | None) -> str:
    """Answer one command; gives its outcome (OK, NO, BAD) for counts and logs.

    ``head`` is the frame's. Raises `Bye` and `ConnectionGone`, which end the
    connection.
    """
    if head is None:
        context.tag = b"*"
        _finish(context, Bad("a command begins with a tag and a space"))
        return "BAD"
    services, session = context.services, context.session
    context.tag = head.tag
    context.counts_by_number = False
    context.far = _NOWHERE
    context.heard = services.runtime.monotonic()
    spec: CommandSpec | None = None
    try:
        spec, node = _understand(context, frame, head)
        if spec.syncs and session.selected is not None:
            await catch_up(context, session.selected)
        outcome: Completed | Fault = await spec.run(context, node)
    except (Bye, ConnectionGone):
        _forget(frame)
        raise
    except Fault as fault:
        outcome = fault
    except StoreError as error:
        outcome = fault_of(error)
        if error.detail:
            services.log.event("store", error=str(error), id=session.id)
    except Exception as error:  # noqa: BLE001 - the session survives every defect
        outcome = _defect(context, error, head)
    if isinstance(outcome, Fault):
        _forget(frame)
    if spec is not None and spec.syncs and not isinstance(outcome, Bad):
        removals = not (spec.holds_removals or context.counts_by_number)
        await _tell(context, removals=removals, with_uid=spec.by_uid)
        outcome = _with_news(context, outcome)
    _finish(context, outcome)
    if isinstance(outcome, Fault):
        return outcome.status.decode("ascii")
    if outcome.then is not None:
        outcome.then()
    return "OK"


def _understand(context: Context, frame: Frame, head: Head) -> tuple[CommandSpec, Any]:
    """Find a frame's command and parse it. Raises the `Fault` that refuses it."""
    if frame.poison is not None:
        raise _poisoned(frame)
    registry, session = context.services.registry, context.session
    telling = session.telling
    key, known = None, None
    if len(frame.text) <= _LONGEST_REMEMBERED and not frame.literals:
        # Clients repeat themselves. What a text means depends on nothing else.
        key = frame.text[len(head.tag) :], telling.utf8, telling.charsets
        known = registry.understood.get(key)
    spec = find_spec(registry, head) if known is None else known[0]
    check_state(spec, session.state)
    if spec.by_number and telling.uid_only:
        raise Bad(f"{spec.name}: messages have UIDs here, no numbers", "UIDREQUIRED")
    if known is not None:
        return known
    node = parse_command(
        registry,
        spec,
        frame.text,
        head.end,
        frame.literals,
        utf8=telling.utf8,
        charsets=telling.charsets,
    )
    found = spec, node
    if key is not None and not spec.secret:
        registry.understood.keep(key, found)
    return found


def _poisoned(frame: Frame) -> Fault:
    poison = frame.poison
    assert poison is not None
    if isinstance(poison.cause, Fault):
        return poison.cause
    return Bad(poison.text, poison.code)


def _defect(context: Context, error: Exception, head: Head) -> No:
    mark = context.services.log.failure(
        error, id=context.session.id, user=context.session.user, command=head.name
    )
    return No(f"internal error {mark}; the log tells more", "SERVERBUG")


def _forget(frame: Frame) -> None:
    """Free what a refused command's literals hold."""
    for literal in frame.literals:
        if literal.sink is not None:
            literal.sink.abort()


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


def _finish(context: Context, outcome: Completed | Fault) -> None:
    language = context.session.telling.language
    if isinstance(outcome, Fault):
        text, code = outcome.text, outcome.code
        kept = may_be_kept(text, code)
        make = _rest_of_tagged if kept else _rest_of_tagged.__wrapped__
        context.reply.finish(context.tag + make(outcome.status, text, code, language))
        return
    code = outcome.code
    make = _rest_of_tagged if code is None else _rest_of_tagged.__wrapped__
    context.reply.finish(context.tag + make(b"OK", outcome.text, code, language))
    if outcome.then is not None:
        context.reply.flush()  # what follows may change how octets are sent


@lru_cache(maxsize=512)
def _rest_of_tagged(kind: bytes, text: str, code: str | None, language: str) -> bytes:
    """Render what stands behind the tag of a tagged response (RFC 3501 §7.1)."""
    return b" %b %b\r\n" % (kind, response_text(text, code, language))
