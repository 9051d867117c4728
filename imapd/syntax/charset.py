"""The charsets of search strings (RFC 3501 §6.4.4: CHARSET).

Those of Python's codecs that turn octets into text and that IMAP strings can carry.
Names are looked up in a table of our own: no name of a client reaches the codec
registry, which would import a module of that name.

Left out: UTF-16 and UTF-32 (their text has NULs, RFC 3501 §9 forbids them), UTF-7
(it can hide NULs and halves of characters), what is no charset (base64, zlib, rot13,
punycode, idna, unicode_escape).
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from functools import cache

# As clients write them (IANA's preferred names), the usual ones first.
CHARSETS: tuple[str, ...] = (
    "US-ASCII", "UTF-8",
    *(f"ISO-8859-{part}" for part in (*range(1, 12), *range(13, 17))),
    *(f"WINDOWS-{page}" for page in range(1250, 1259)),
    "KOI8-R", "KOI8-U", "KOI8-T", "KZ-1048", "PTCP154",
    "BIG5", "BIG5-HKSCS", "CP950", "GB2312", "GBK", "GB18030", "HZ-GB-2312",
    "EUC-JP", "EUC-JISX0213", "EUC-JIS-2004", "SHIFT_JIS", "SHIFT_JISX0213",
    "SHIFT_JIS-2004", "CP932", "ISO-2022-JP", "ISO-2022-JP-1", "ISO-2022-JP-2",
    "ISO-2022-JP-3", "ISO-2022-JP-EXT", "ISO-2022-JP-2004",
    "EUC-KR", "CP949", "JOHAB", "ISO-2022-KR", "TIS-620", "CP874",
    "MACINTOSH", "MAC-CYRILLIC", "MAC-GREEK", "MAC-ICELAND", "MAC-LATIN2",
    "MAC-TURKISH", "HP-ROMAN8",
    *(
        f"CP{page}"
        for page in (
            437, 720, 737, 775, 850, 852, 855, 856, 857, 858, 860, 861, 862, 863,
            864, 865, 866, 869, 1006, 1125,
        )
    ),
    *(f"IBM{page:03}" for page in (37, 273, 424, 500, 1026, 1140)),
)  # fmt: skip
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def _normal(name: str) -> str:
    return _SEPARATORS.sub("_", name.lower()).strip("_")


@cache
def _table() -> dict[str, str]:
    """Map every spelling to the module of Python's codec; none of them is loaded."""
    table: dict[str, str] = {}
    for name in map(_normal, CHARSETS):
        table[name] = aliases.get(name, name)
    known = set(table.values())
    for alias, module in aliases.items():
        if module in known:
            table.setdefault(_normal(alias), module)
            table.setdefault(_normal(module), module)
    return table


@cache
def _codec(module: str) -> str:
    return codecs.lookup(module).name


def load_charsets() -> None:
    """Load all of them, so that the first who names one waits for no file.

    20 ms and 2 MiB, once for a process that serves.
    """
    for module in set(_table().values()):
        _codec(module)


def codec_of(charset: bytes) -> str | None:
    """Give the codec of a charset's name, in any spelling; None: unknown."""
    if len(charset) > 64:
        return None
    module = _table().get(_normal(charset.decode("latin-1")))
    return None if module is None else _codec(module)
