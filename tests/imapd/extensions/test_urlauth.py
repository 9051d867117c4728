"""URLAUTH: who signs what, and who may fetch it when; all else is NIL (RFC 4467)."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.urlauth import (
    BINARY_FEATURE,
    GenUrlAuth,
    ResetKey,
    UrlFetch,
    Wanted,
    sign,
)
from mailstore.mime.bodystructure import of_part
from mailstore.mime.ingest import ingest
from tests.imapd.commands.peers import reparsed
from tests.support.session import Session, World

BIG = os.urandom(200_000)
ENCODED = base64.encodebytes(BIG).replace(b"\n", b"\r\n")
MAIL = (
    b"Subject: signed\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + ENCODED + b"\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n*broken*\r\n--b--\r\n"
)
RUMP = b"imap://ann@mail.example/INBOX/;UID=1/;SECTION=1"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "ann", "bob", "root")
    made.store.directory.set_admin("root", admin=True)
    made.deliver(MAIL)
    yield made
    made.close()


def signed(session: Session, rump: bytes) -> bytes:
    answer = session.ok(b'GENURLAUTH "%b" INTERNAL' % rump)
    found = re.match(rb'\* GENURLAUTH "([^"]*)"\r\n', answer.raw)
    assert found is not None, answer.raw
    assert found[1].startswith(rump + b":internal:01")
    return found[1]


def fetched(session: Session, *urls: bytes) -> bytes:
    """Give what stands between URLFETCH and the tagged OK."""
    arguments = b" ".join([b'"%b"' % url for url in urls])
    raw = session.ok(b"URLFETCH " + arguments).raw
    assert raw.startswith(b"* URLFETCH ")
    return raw[11 : raw.rindex(b"\r\n", 0, -2)]


@pytest.mark.parametrize("access", [b"anonymous", b"authuser", b"user+bob"])
def test_who_is_meant_gets_the_octets(world, access):
    url = signed(world.session("ann"), RUMP + b";URLAUTH=" + access)
    for session in (world.session("bob"), world.session("bob", b"INBOX")):
        assert fetched(session, url) == b'"%b" {5}\r\nhello' % url


@pytest.mark.parametrize(
    ("access", "name"),
    [
        (b"user+ann", "bob"),
        (b"user+nobody", "bob"),
        (b"user+bob", "ann"),
        (b"submit+bob", "bob"),
        (b"submit+ann", "ann"),
    ],
)
def test_nobody_else_does(world, access, name):
    url = signed(world.session("ann"), RUMP + b";URLAUTH=" + access)
    assert fetched(world.session(name), url) == b'"%b" NIL' % url


def test_a_submission_server_logs_in_as_an_administrator(world):
    url = signed(world.session("ann"), RUMP + b";URLAUTH=submit+bob")
    assert b"hello" in fetched(world.session("root"), url)


def test_a_signature_ends_with_its_time(world):
    ends = world.runtime.now() + 60
    when = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rump = RUMP + b";EXPIRE=%b;URLAUTH=anonymous" % when.encode()
    url = signed(world.session("ann"), rump)
    bob = world.session("bob")
    assert b"hello" in fetched(bob, url)
    world.runtime.advance(61)
    assert fetched(bob, url) == b'"%b" NIL' % url


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"UID=1", b"UID=2"),
        (b"SECTION=1", b"SECTION=2"),
        (b"/;SECTION=1", b""),
        (b"anonymous", b"authuser"),
        (b"ann@", b"bob@"),
        (b"ann@", b""),
        (b"ann@", b"nobody@"),
        (b"INBOX", b"Sent"),
        (b"INBOX", b"nowhere"),
        (b"mail.example", b"other.example"),
        (b":internal:", b":other:"),
        (b";URLAUTH", b";EXPIRE=2040-01-01T00:00:00Z;URLAUTH"),
    ],
)
def test_every_octet_is_signed(world, old, new):
    world.deliver(MAIL)
    url = signed(world.session("ann"), RUMP + b";URLAUTH=anonymous")
    forged = url.replace(old, new, 1)
    assert forged != url
    assert fetched(world.session("bob"), forged) == b'"%b" NIL' % forged


def test_a_guessed_signature_is_worth_nothing(world):
    rump = RUMP + b";URLAUTH=anonymous"
    url = signed(world.session("ann"), rump)
    bob = world.session("bob")
    for token in (url[-66:-1] + b"g", b"0" * 66, b"01" + b"0" * 62, url[-64:]):
        wrong = rump + b":internal:" + token
        if wrong.lower() != url.lower():
            assert b" NIL" in fetched(bob, wrong)
    # A mailbox that nobody ever signed for has no key at all.
    other = b"imap://bob@h/INBOX/;UID=1;URLAUTH=anonymous"
    made_up = other + b":internal:" + sign(b"", other).encode()
    assert b" NIL" in fetched(bob, made_up)


@pytest.mark.parametrize(
    "command", [b"RESETKEY", b"RESETKEY INBOX", b"RESETKEY INBOX INTERNAL"]
)
def test_another_key_ends_all_signatures(world, command):
    ann, bob = world.session("ann"), world.session("bob")
    url = signed(ann, RUMP + b";URLAUTH=anonymous")
    answer = ann.ok(command)
    assert (answer.code == "URLMECH") == (command != b"RESETKEY")
    assert fetched(bob, url) == b'"%b" NIL' % url
    again = signed(ann, RUMP + b";URLAUTH=anonymous")
    assert again != url
    assert b"hello" in fetched(bob, again)


def test_resetting_one_mailbox_leaves_the_others(world):
    world.deliver(MAIL, to="Sent")
    ann, bob = world.session("ann"), world.session("bob")
    url = signed(ann, RUMP.replace(b"INBOX", b"Sent") + b";URLAUTH=anonymous")
    ann.ok(b"RESETKEY INBOX")
    assert b"hello" in fetched(bob, url)
    ann.no(b"RESETKEY nowhere", "NONEXISTENT")
    ann.no(b"RESETKEY Sent OTHER")


def test_a_successor_of_a_mailbox_has_another_key(world):
    ann, bob = world.session("ann"), world.session("bob")
    ann.ok(b"CREATE box")
    world.deliver(MAIL, to="box")
    url = signed(ann, RUMP.replace(b"INBOX", b"box") + b";URLAUTH=anonymous")
    assert b"hello" in fetched(bob, url)
    ann.ok(b"DELETE box")
    assert b" NIL" in fetched(bob, url)
    ann.ok(b"CREATE box")
    world.deliver(MAIL, to="box")
    assert b" NIL" in fetched(bob, url)
    signed(ann, RUMP.replace(b"INBOX", b"box") + b";URLAUTH=anonymous")
    assert b" NIL" in fetched(bob, url)


def test_what_was_expunged_and_who_was_shut_out_are_nil(world):
    ann, bob = world.session("ann", b"INBOX"), world.session("bob")
    url = signed(ann, RUMP + b";URLAUTH=anonymous")
    assert b"hello" in fetched(bob, url)
    # Fetching sets no flag.
    assert b"\\Seen" not in ann.ok(b"FETCH 1 FLAGS").raw
    world.store.directory.set_disabled("ann", disabled=True)
    assert b" NIL" in fetched(bob, url)
    world.store.directory.set_disabled("ann", disabled=False)
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    assert b" NIL" in fetched(bob, url)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (b'"imap://bob@h/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL', "NO"),
        (b'"imap://nobody@h/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL', "NO"),
        (b'"imap://ann@h/nowhere/;UID=1;URLAUTH=anonymous" INTERNAL', "NO"),
        (b'"imap://ann@h/INBOX/;UID=1;URLAUTH=anonymous" OTHER', "NO"),
        (b'"imap://ann@h/INBOX/;UID=1" INTERNAL', "BAD"),
        (b'"imap://h/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL', "BAD"),
        (b'"/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL', "BAD"),
        (b'"imap://ann@h/INBOX/;UID=1;URLAUTH=nobody" INTERNAL', "BAD"),
        (b'"x" INTERNAL', "BAD"),
        (b'"x"', "BAD"),
        (b"", "BAD"),
        (
            b'"imap://ann@h/INBOX/;UID=1;URLAUTH=anonymous:internal:%b" INTERNAL'
            % (b"0" * 32),
            "BAD",
        ),
    ],
)
def test_what_is_not_ones_own_is_not_signed(world, arguments, kind):
    answer = world.session("ann").run(b"GENURLAUTH " + arguments)
    assert answer.status.kind == kind
    assert b"* GENURLAUTH" not in answer.raw


def test_several_at_once_and_a_range(world):
    ann = world.session("ann")
    rump = RUMP + b"/;PARTIAL=1.3;URLAUTH=anonymous"
    url = signed(ann, rump)
    bad = b"imap://ann@h/INBOX"
    assert fetched(ann, url, bad, url) == (
        b'"%b" {3}\r\nell "%b" NIL "%b" {3}\r\nell' % (url, bad, url)
    )


def test_who_reads_only_signs_with_a_key_that_is_there(world):
    """And makes none: that would be a change."""
    ann = world.session("ann")
    state = ann.connection.session

    async def reopen() -> None:
        assert state.account is not None
        state.account = await world.store.access(state.account.id, readonly=True)

    world.runtime.run(reopen())
    ann.no(b'GENURLAUTH "%b;URLAUTH=anonymous" INTERNAL' % RUMP, "NOPERM")
    ann.no(b"RESETKEY", "NOPERM")
    signed(world.session("ann"), RUMP + b";URLAUTH=anonymous")
    signed(ann, RUMP + b";URLAUTH=anonymous")


# -- URLAUTH=BINARY


def extended(session: Session, url: bytes, forms: bytes) -> bytes:
    raw = session.ok(b'URLFETCH ("%b" %b)' % (url, forms)).raw
    assert raw.startswith(b'* URLFETCH "%b"' % url)
    return raw[13 + len(url) : raw.rindex(b"\r\n", 0, -2)]


def part_url(session: Session, part: bytes, rest: bytes = b"") -> bytes:
    rump = b"imap://ann@h/INBOX/;UID=1%b%b;URLAUTH=anonymous" % (part, rest)
    return signed(session, rump)


def test_forms_of_a_part(world):
    ann = world.session("ann")
    url = part_url(ann, b"/;SECTION=2")
    assert extended(ann, url, b"BODYPARTSTRUCTURE BINARY body") == (
        b' (BODYPARTSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "base64"'
        b" 4 0 NIL NIL NIL NIL)) (BINARY ~{3}\r\n\x00\x01\x02) (BODY {4}\r\nAAEC)"
    )
    assert BINARY_FEATURE.requires == ("URLAUTH", "BINARY")


def test_much_is_decoded_and_a_range_is_of_what_was_decoded(world):
    ann = world.session("ann")
    url = part_url(ann, b"/;SECTION=3")
    found = extended(ann, url, b"BINARY")
    assert found == b" (BINARY ~{%d}\r\n%b)" % (len(BIG), BIG)
    url = part_url(ann, b"/;SECTION=3", b"/;PARTIAL=150000.1000")
    data = BIG[150_000:151_000]
    tilde = b"~" if 0 in data else b""
    assert extended(ann, url, b"BINARY") == b" (BINARY %b{1000}\r\n%b)" % (tilde, data)


def test_what_cannot_be_decoded_is_nil(world):
    ann = world.session("ann")
    url = part_url(ann, b"/;SECTION=4")
    found = extended(ann, url, b"BINARY BODY")
    assert found == b" (BINARY NIL) (BODY {8}\r\n*broken*)"
    url = part_url(ann, b"/;SECTION=HEADER")
    assert extended(ann, url, b"BODYPARTSTRUCTURE").startswith(
        b" (BODYPARTSTRUCTURE NIL)"
    )
    wrong = url[:-1] + (b"0" if url[-1:] != b"0" else b"1")
    assert extended(ann, wrong, b"BINARY") == b" NIL"


@pytest.mark.parametrize(
    "arguments", [b"", b" ", b"(x)", b"()", b'("x" MORE)', b'("x" BODY', b'"x" (y)']
)
def test_refusals(world, arguments):
    world.session("ann").bad(b"URLFETCH " + arguments)


@pytest.mark.parametrize("arguments", [b" ", b" INBOX ", b" a b (c)"])
def test_refusals_of_resetkey(world, arguments):
    world.session("ann").bad(b"RESETKEY" + arguments)


def test_a_stranger_may_nothing(world):
    stranger = world.connect()
    stranger.bad(b"URLFETCH x")
    stranger.bad(b"RESETKEY")


# -- grammar


URLS = st.sampled_from([b"imap://a@b/c/;UID=1", b'q"\\', b"\r\n", b"x"])
FORMS = st.lists(
    st.sampled_from(["BODY", "BINARY", "BODYPARTSTRUCTURE"]), unique=True, max_size=3
).map(tuple)


@given(st.lists(st.builds(Wanted, URLS, FORMS), min_size=1, max_size=3))
def test_inverse_of_urlfetch(wanted):
    node = UrlFetch(tuple(wanted))
    assert reparsed("URLFETCH", node) == node


def test_inverse_of_the_others():
    for name, node in (
        ("GENURLAUTH", GenUrlAuth(((b"a", b"INTERNAL"), (b"b c", b"x")))),
        ("RESETKEY", ResetKey()),
        ("RESETKEY", ResetKey(b"a b")),
        ("RESETKEY", ResetKey(b"a", (b"INTERNAL", b"X"))),
    ):
        assert reparsed(name, node) == node


def test_the_structure_of_a_part():
    inner = b"Subject: (in\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    inner += b"--c\r\n\r\n1\r\n--c--\r\n"
    data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--b--\r\n"
    )
    whole = ingest(data).bodystructure
    assert of_part(whole, ()) == whole
    for path, start in (
        ((1,), b'("text" "plain"'),
        ((2,), b'("message" "rfc822"'),
        ((2, 1), b'("text"'),
    ):
        found = of_part(whole, path)
        assert found is not None
        assert found.startswith(start)
        assert found in whole
    for absent in ((3,), (1, 1), (2, 2), (2, 1, 1)):
        assert of_part(whole, absent) is None, absent
    single = ingest(b"A: b\r\n\r\nx").bodystructure
    assert of_part(single, (1,)) == single
    assert of_part(single, (2,)) is None
