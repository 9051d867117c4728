"""Commands on messages with any arguments: a node, or BAD; never anything else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imapd.session.faults import Bad
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed

NAMES = (
    *("FETCH", "UID FETCH", "SEARCH", "UID SEARCH", "STORE", "UID STORE", "COPY"),
    *("UID COPY", "MOVE", "UID MOVE", "EXPUNGE", "UID EXPUNGE"),
)
WORDS = (
    *(
        b" ",
        b"(",
        b")",
        b"1",
        b"*",
        b":",
        b",",
        b"0",
        b"4294967296",
        b'"',
        b"\\",
        b"{}",
    ),
    *(b"FLAGS", b"+FLAGS", b".SILENT", b"BODY", b".PEEK", b"[", b"]", b"<0.5>", b"1.2"),
    *(b"HEADER", b".FIELDS", b".NOT", b"MIME", b"RFC822", b".SIZE", b"ALL", b"NOT"),
    *(b"OR", b"UID", b"SEEN", b"CHARSET", b"UTF-8", b"TEXT", b"KEYWORD", b"SINCE"),
    *(b"1-Feb-2020", b"HEADER", b"LARGER", b"\\Seen", b"\\Recent", b"INBOX", b"\xc3"),
)
texts = st.lists(st.sampled_from(WORDS) | st.binary(max_size=3), max_size=12).map(
    b"".join
)


@pytest.mark.parametrize("name", NAMES)
@given(text=texts, space=st.booleans(), utf8=st.booleans())
@example(text=b"", space=True, utf8=False)
def test_any_arguments_are_a_node_or_bad(name, text, space, utf8):
    text = text.replace(b"\r", b"").replace(b"\n", b"")
    literals = [b"x"] * text.count(b"{}")
    command = name.encode() + (b" " if space else b"") + text
    try:
        node = parsed(command, *literals, utf8=utf8)
    except Bad:
        return
    if not utf8:
        assert reparsed(name, node) == node


@pytest.mark.parametrize("name", NAMES)
@given(text=texts)
def test_any_command_is_answered_and_the_session_lives(name, text):
    made = World()
    for number in range(3):
        made.box("INBOX").add(b"Subject: %d\r\n\r\nx" % number, ("\\Deleted",))
    peer = Peer(made)
    text = text.replace(b"\r", b"").replace(b"\n", b"")
    literals = [b"x"] * text.count(b"{}")
    answer = peer.run(name.encode() + b" " + text, *literals)
    assert answer.status.kind in ("OK", "NO", "BAD")
    peer.ok(b"NOOP")


@pytest.mark.parametrize(
    "text",
    [
        b"FETCH 1 " + b"(" * 60_000,
        b"FETCH " + b"1:*," * 15_000 + b"1 FLAGS",
        b"FETCH " + b"," * 60_000 + b" FLAGS",
        b"FETCH 1 (" + b"FLAGS " * 10_000 + b"UID)",
        b"FETCH 1 BODY[" + b"1." * 30_000 + b"1]",
        b"FETCH 1 BODY[HEADER.FIELDS (" + b"a " * 30_000 + b"b)]",
        b"SEARCH " + b"OR " * 20_000,
        b"SEARCH " + b"(" * 60_000,
        b"SEARCH " + b"NOT " * 15_000 + b"ALL",
        b"SEARCH " + b"1 " * 30_000 + b"ALL",
        b"SEARCH " + b"1:*," * 15_000 + b"1",
        b"SEARCH HEADER " + b'"' * 60_000,
        b"STORE 1 FLAGS (" + b"a " * 30_000 + b"\\x)",
        b"STORE 1 FLAGS " + b"\\" * 60_000,
    ],
    ids=lambda text: text[:30].decode(),
)
def test_a_full_line_of_nonsense_is_refused_at_once(text):
    made = World()
    made.box("INBOX").add(b"x")
    assert Peer(made).run(text).status.kind in ("NO", "BAD")
