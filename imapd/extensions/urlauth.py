"""URLAUTH and URLAUTH=BINARY: URLs that carry authorization (RFC 4467, RFC 5524).

::

    genurlauth      = "GENURLAUTH" 1*(SP url-rump SP mechanism)
    urlfetch        = "URLFETCH" 1*(SP (url-full / "(" url-full 1*(SP param) ")"))
    resetkey        = "RESETKEY" [SP mailbox *(SP mechanism)]

    C: a GENURLAUTH "imap://joe@example.com/INBOX/;uid=20/;section=1.2
        ;expire=2006-10-30T00:00:00Z;urlauth=submit+fred" INTERNAL
    S: * GENURLAUTH "imap://joe@example.com/…;urlauth=submit+fred:internal:01…"
    C: b URLFETCH "imap://joe@example.com/…;urlauth=submit+fred:internal:01…"
    S: * URLFETCH "imap://joe@example.com/…" {5}
    S: hello

What is signed is the URL up to its access identifier, octet for octet, by the key of
its mailbox; who may fetch it is named in there, and when that ends. Every fetch asks
for all of it anew: signature, time, who asks, the owner's mailbox. Whatever is wrong,
the answer is NIL, so that nothing can be learnt of what is there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from imapd.session.context import Context
from imapd.session.faults import Bad, ConnectionGone, No
from imapd.session.names import existing_name
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.session.state import Selected
from imapd.session.url_content import NoSuchContent, UrlContent, open_content
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.syntax.section import SectionText
from imapd.syntax.url import InvalidUrl, MessageUrl, UrlAuth, parse_url
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string, string
from mailstore.errors import StoreError, UnknownEncoding
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.mime.bodystructure import leaves, of_part
from mailstore.mime.sections import encoded
from mailstore.mime.transfer import IDENTITY, decode_exactly
from mailstore.service import Access

_INTERNAL = "INTERNAL"
_VERSION = "01"  # of the signature: HMAC-SHA-256
_BINARY = "URLAUTH=BINARY"
_PARAMETER = re.compile(rb"BODYPARTSTRUCTURE|BINARY|BODY", re.IGNORECASE)


# -- nodes and grammar


@dataclass(frozen=True, slots=True)
class GenUrlAuth:
    """Sign URLs, each with a mechanism; as they were written."""

    pairs: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One URL to fetch, and in which forms; none: as RFC 4467 has it."""

    url: bytes
    forms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UrlFetch:
    """Give what URLs name."""

    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class ResetKey:
    """Make signatures worthless, of a mailbox or (None) of all."""

    mailbox: bytes | None = None
    mechanisms: tuple[bytes, ...] = ()


def parse_genurlauth(cursor: Cursor, _: Registry) -> GenUrlAuth:
    """Take the arguments of GENURLAUTH. Raises `Malformed`."""
    pairs: list[tuple[bytes, bytes]] = []
    while not pairs or cursor.peek() == b" ":
        cursor.sp()
        url = cursor.astring()
        cursor.sp()
        pairs.append((url, cursor.atom()))
    cursor.end()
    return GenUrlAuth(tuple(pairs))


def parse_urlfetch(cursor: Cursor, registry: Registry) -> UrlFetch:
    """Take the arguments of URLFETCH. Raises `Malformed`."""
    extended = any(feature.name == _BINARY for feature in registry.features)
    wanted: list[Wanted] = []
    while not wanted or cursor.peek() == b" ":
        cursor.sp()
        if extended and cursor.accept(b"("):
            wanted.append(_parse_forms(cursor))
        else:
            wanted.append(Wanted(cursor.astring()))
    cursor.end()
    return UrlFetch(tuple(wanted))


def _parse_forms(cursor: Cursor) -> Wanted:
    url = cursor.astring()
    forms: list[str] = []
    while not forms or cursor.peek() == b" ":
        cursor.sp()
        found = cursor.need(_PARAMETER, "BODY, BINARY or BODYPARTSTRUCTURE")
        forms.append(found[0].decode("ascii").upper())
    cursor.expect(b")")
    return Wanted(url, tuple(dict.fromkeys(forms)))


def parse_resetkey(cursor: Cursor, _: Registry) -> ResetKey:
    """Take the arguments of RESETKEY. Raises `Malformed`."""
    if cursor.peek() != b" ":
        cursor.end()
        return ResetKey()
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    mechanisms = []
    while cursor.peek() == b" ":
        cursor.sp()
        mechanisms.append(cursor.atom())
    cursor.end()
    return ResetKey(mailbox, tuple(mechanisms))


def unparse_genurlauth(node: GenUrlAuth) -> bytes:
    """Write the command as a client would."""
    pairs = [b"%b %b" % (client_string(url), name) for url, name in node.pairs]
    return b" ".join([b"GENURLAUTH", *pairs])


def unparse_urlfetch(node: UrlFetch) -> bytes:
    """Write the command as a client would."""
    words = [b"URLFETCH"]
    for one in node.wanted:
        url = client_string(one.url)
        forms = " ".join(one.forms).encode("ascii")
        words.append(b"(%b %b)" % (url, forms) if forms else url)
    return b" ".join(words)


def unparse_resetkey(node: ResetKey) -> bytes:
    """Write the command as a client would."""
    if node.mailbox is None:
        return b"RESETKEY"
    return b" ".join([b"RESETKEY", unparse_name(node.mailbox), *node.mechanisms])


# -- signing


def sign(key: bytes, rump: bytes) -> str:
    """Sign a URL up to its access identifier."""
    return _VERSION + hmac.new(key, rump, hashlib.sha256).hexdigest()


async def run_genurlauth(context: Context, node: GenUrlAuth) -> Completed:
    """Sign URLs of the account that is logged in: all of them or none.

    Raises `Bad` for what is no such URL, `No` for a mailbox that isn't there.
    """
    signed = []
    for text, mechanism in node.pairs:
        url = _own_rump(context, text, mechanism)
        assert url.mailbox is not None
        key = await context.account.url_keys.make(url.mailbox)
        signed.append(b"%b:internal:%b" % (text, sign(key, text).encode("ascii")))
    context.reply.untagged(b" ".join([b"GENURLAUTH", *map(string, signed)]))
    return Completed("GENURLAUTH completed")


def _own_rump(context: Context, text: bytes, mechanism: bytes) -> MessageUrl:
    """Read a URL that is to be signed. Raises `Bad`, `No`."""
    try:
        url = parse_url(text)
    except InvalidUrl as error:
        raise Bad(f"GENURLAUTH: {error}") from None
    auth, authority = url.auth, url.authority
    if auth is None or auth.mechanism is not None or auth.rump != text:
        raise Bad("GENURLAUTH: the URL has to end in its access identifier")
    if mechanism.upper() != _INTERNAL.encode("ascii"):
        raise No("there is one mechanism, INTERNAL")
    # RFC 4467 §7: nobody signs for somebody else.
    if authority is None or authority.user is None:
        raise Bad("GENURLAUTH: the URL has to name its user")
    owner = context.services.store.directory.find(authority.user)
    if owner is None or owner.id != context.account.id:
        raise No("only your own mailboxes can be signed for")
    return url


async def run_resetkey(context: Context, node: ResetKey) -> Completed:
    """Make what was signed worthless. Raises `No`, store errors."""
    if any(name.upper() != _INTERNAL.encode("ascii") for name in node.mechanisms):
        raise No("there is one mechanism, INTERNAL")
    keys = context.account.url_keys
    if node.mailbox is None:
        await keys.reset()
        return Completed("all keys were dropped")
    await keys.reset(existing_name(context, node.mailbox))
    return Completed("the mailbox has another key", f"URLMECH {_INTERNAL}")


def tell_mechanisms(context: Context, _: Selected) -> bytes:
    """Tell the mechanisms of the mailbox that was selected (RFC 4467 §9)."""
    return context.status(b"OK", "mechanisms that sign URLs", f"URLMECH {_INTERNAL}")


# -- fetching


async def run_urlfetch(context: Context, node: UrlFetch) -> Completed:
    """Give what each URL names, or NIL."""
    reply = context.reply
    reply.write(b"* URLFETCH")
    for one in node.wanted:
        reply.write(b" " + string(one.url))
        await _fetch(context, one)
        await reply.room()
    reply.write(b"\r\n")
    return Completed("URLFETCH completed")


async def _fetch(context: Context, wanted: Wanted) -> None:
    """Answer with one URL's content. Raises `ConnectionGone`."""
    account: Access | None = None
    content: UrlContent | None = None
    url = MessageUrl(1)
    try:
        url = parse_url(wanted.url)
        # RFC 3516 §4.2: the octets of a range are counted when they are decoded.
        whole = replace(url, offset=0, count=None) if wanted.forms else url
        account = await _owner(context, url)
        content = await _authorized(context.services.runtime, account, whole)
    except (InvalidUrl, NoSuchContent, StoreError):
        content = None
    try:
        if content is None:
            context.reply.write(b" NIL")
        elif not wanted.forms:
            await _send(context, content.size, False, content.pieces())
        else:
            for form in wanted.forms:
                context.reply.write(b" (%b" % form.encode("ascii"))
                await _send_form(context, content, url, form)
                context.reply.write(b")")
    except StoreError as error:
        # A literal's size was told already.
        context.services.log.event("store", error=str(error), id=context.session.id)
        context.end()
        raise ConnectionGone from error
    finally:
        if content is not None:
            content.close()
        if account is not None:
            await account.close()


async def _owner(context: Context, url: MessageUrl) -> Access:
    """Open what who signed a URL reaches now. Raises `NoSuchContent`, store errors."""
    directory = context.services.store.directory
    authority, auth = url.authority, url.auth
    if authority is None or authority.user is None or auth is None:
        raise NoSuchContent
    owner = directory.find(authority.user)
    if owner is None or owner.disabled or not _may_fetch(context, auth):
        raise NoSuchContent
    return await context.services.store.access(owner.id, readonly=True)


def _may_fetch(context: Context, auth: UrlAuth) -> bool:
    """Tell whether the time is not over, and this session is meant (RFC 4467 §3)."""
    if auth.mechanism != _INTERNAL or auth.token is None:
        return False
    if auth.expire is not None and context.services.runtime.now() >= auth.expire:
        return False
    directory = context.services.store.directory
    match auth.access:
        case "ANONYMOUS" | "AUTHUSER":
            return True  # nobody is here who has not logged in
        case "USER":
            meant = directory.find(auth.whom or "")
            return meant is not None and meant.id == context.account.id
        case _:
            # "submit+": for a submission server, which checks the name itself. It
            # logs in as an administrator.
            own = directory.by_id(context.account.id)
            return context.session.admin is not None or (own is not None and own.admin)


async def _authorized(runtime: Runtime, account: Access, url: MessageUrl) -> UrlContent:
    """Prove a signature and open what it is for. Raises `NoSuchContent`."""
    assert url.auth is not None
    assert url.mailbox is not None
    key = await account.url_keys.key(url.mailbox)
    if key is None:
        raise NoSuchContent
    expected = sign(key, url.auth.rump)
    if not hmac.compare_digest(expected, url.auth.token or ""):
        raise NoSuchContent
    mailbox = await account.open(url.mailbox, readonly=True)
    try:
        return await open_content(runtime, mailbox, url)
    finally:
        await mailbox.close()


async def _send_form(
    context: Context, content: UrlContent, url: MessageUrl, form: str
) -> None:
    if form == "BODYPARTSTRUCTURE":
        part = None
        if url.section.text is None:
            part = of_part(content.structure, url.section.path)
            if part is not None and not context.session.telling.global_messages:
                part = leaves(part)
        context.reply.write(b" " + (part or b"NIL"))
        return
    name = _encoding(content, url) if form == "BINARY" else b"binary"

    def pieces() -> Iterator[bytes]:
        return _window(decode_exactly(content.pieces(nul=form == "BINARY"), name), url)

    def measure() -> tuple[int, bool]:
        size, has_nul = 0, False
        for piece in pieces():
            size, has_nul = size + len(piece), has_nul or 0 in piece
        return size, has_nul

    try:
        runtime = context.services.runtime
        size, has_nul = await in_pool(runtime, Pool.READ, measure)
    except UnknownEncoding:
        context.reply.write(b" NIL")
        return
    await _send(context, size, has_nul, pieces())


def _encoding(content: UrlContent, url: MessageUrl) -> bytes:
    """Give the encoding to be undone; what is made of parts has none."""
    path = url.section.path
    if not path or url.section.text not in (None, SectionText.TEXT):
        return b"binary"
    place = encoded(content.parts, path)
    name = b"" if place is None else place[2]
    return name if name not in IDENTITY else b"binary"


def _window(octets: Iterator[bytes], url: MessageUrl) -> Iterator[bytes]:
    skip, left = url.offset, url.count
    for piece in octets:
        told = piece[skip:] if left is None else piece[skip : skip + left]
        skip = max(0, skip - len(piece))
        yield told
        if left is not None:
            left -= len(told)
            if left == 0:
                return


async def _send(
    context: Context, size: int, has_nul: bool, pieces: Iterator[bytes]
) -> None:
    """Send a literal, at the client's pace."""
    reply = context.reply
    reply.write(b" %b{%d}\r\n" % (b"~" if has_nul else b"", size))
    for piece in pieces:
        if piece:
            reply.write(piece)
            await reply.room()
        else:
            # Before a range that begins far behind there is much to be decoded.
            await reply.give_way()


FEATURE = Feature(
    name="URLAUTH",
    rfc=("4467", "5092"),
    capabilities=(Capability("URLAUTH"),),
    commands=(
        CommandSpec(
            name="GENURLAUTH",
            parse=parse_genurlauth,
            unparse=unparse_genurlauth,
            run=run_genurlauth,
            states=States.LOGGED_IN,
            rfc="RFC 4467 §7",
        ),
        CommandSpec(
            name="URLFETCH",
            parse=parse_urlfetch,
            unparse=unparse_urlfetch,
            run=run_urlfetch,
            states=States.LOGGED_IN,
            rfc="RFC 4467 §7",
        ),
        CommandSpec(
            name="RESETKEY",
            parse=parse_resetkey,
            unparse=unparse_resetkey,
            run=run_resetkey,
            states=States.LOGGED_IN,
            rfc="RFC 4467 §7",
        ),
    ),
    select_responses=(tell_mechanisms,),
)

BINARY_FEATURE = Feature(
    name=_BINARY,
    rfc=("5524",),
    capabilities=(Capability(_BINARY),),
    requires=("URLAUTH", "BINARY"),
)
