"""LANGUAGE: in which language the server says what people read (RFC 5255 §3).

::

    language-cmd    = "LANGUAGE" *(SP lang-range-quoted)

    C: A003 LANGUAGE
    S: * LANGUAGE (i-default en de fr es)
    C: E001 LANGUAGE IT DE-AT
    S: * LANGUAGE (de)
    S: E001 OK LANGUAGE ausgeführt

A session begins in i-default (RFC 2277 §4.5), which everybody has to understand:
English in ASCII, as "en" is. The texts are those of `imapd.session.languages`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.languages import DEFAULT, ENGLISH, LANGUAGES
from imapd.session.namespaces import namespaces
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring

_RANGE = re.compile(rb"\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,15}")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Language:
    """Use the first language that one of the ranges names; without any, tell all."""

    ranges: tuple[bytes, ...] = ()


def parse(cursor: Cursor, _: Registry) -> Language:
    """Take the arguments of LANGUAGE. Raises `Malformed`."""
    ranges: list[bytes] = []
    while cursor.peek() == b" ":
        cursor.sp()
        start = cursor.at
        found = cursor.astring()
        if _RANGE.fullmatch(found) is None or len(ranges) >= _MOST:
            cursor.at = start
            raise cursor.fail("a language range")
        ranges.append(found)
    cursor.end()
    return Language(tuple(ranges))


def unparse(node: Language) -> bytes:
    """Write the command as a client would."""
    return b" ".join([b"LANGUAGE", *map(client_astring, node.ranges)])


def lookup(language_range: str) -> str | None:
    """Find the language of a range: the longest of its beginnings (RFC 4647 §3.4)."""
    wanted = language_range.lower()
    if wanted == "default":
        return DEFAULT
    if wanted == "*":
        return ENGLISH
    while wanted:
        if wanted in LANGUAGES:
            return wanted
        wanted = wanted.rpartition("-")[0]
    return None


async def run(context: Context, node: Language) -> Completed:
    """Tell the language that is used from here on. Raises `No` when there is none."""
    if not node.ranges:
        told = " ".join(LANGUAGES).encode("ascii")
    else:
        found = [lookup(one.decode("ascii")) for one in node.ranges]
        chosen = next((language for language in found if language is not None), None)
        if chosen is None:
            raise No("none of these languages is spoken here")
        told = chosen.encode("ascii")
        # §3.2: at once, and for what is read alone.
        context.session.telling.language = chosen
    context.reply.untagged(b"LANGUAGE (%b)" % told)
    if node.ranges and context.session.account is not None:
        context.reply.untagged(namespaces(context))  # §3.4
    return Completed("LANGUAGE completed")


FEATURE = Feature(
    name="LANGUAGE",
    rfc=("5255",),
    capabilities=(Capability("LANGUAGE"),),
    commands=(
        CommandSpec(
            name="LANGUAGE",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.ANY,
            rfc="RFC 5255 §3.2",
        ),
    ),
    requires=("NAMESPACE",),
)
