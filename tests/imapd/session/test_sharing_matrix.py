"""Every command with every right, for owner, guest and stranger (RFC 4314 §4).

What a command needs comes from the one table (`mailstore.rights.NEEDS`); that the table
is the RFC's is proved beside it.
"""

from __future__ import annotations

import pytest

from mailstore.rights import (
    ALL,
    LETTERS,
    NEEDS,
    NONE,
    Operation,
    Right,
    write_rights,
)
from tests.support.responses import Expunge, FetchedUrls, SignedUrls
from tests.support.session import World

MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"
HERE, THERE = b"Work", b'"Other Users/ann/Work"'

COMMANDS = {
    b"SELECT %b": Operation.READ,
    b"EXAMINE %b": Operation.READ,
    b"STATUS %b (MESSAGES)": Operation.READ,
    b"SUBSCRIBE %b": Operation.SEE,
    b"APPEND %b {1+}\r\nx": Operation.INSERT,
    b'APPEND %b CATENATE (URL "/INBOX/;UID=1")': Operation.INSERT,
    b"COPY 1 %b": Operation.INSERT,
    b"MYRIGHTS %b": Operation.KNOW_OWN_RIGHTS,
    b"GETACL %b": Operation.ADMINISTER,
    b"LISTRIGHTS %b eve": Operation.ADMINISTER,
    b"DELETEACL %b eve": Operation.ADMINISTER,
    b'SETACL %b eve ""': Operation.ADMINISTER,
    b"SETACL %b eve -r": Operation.ADMINISTER,
    b"RESETKEY %b": Operation.ADMINISTER,
    b"GETMETADATA %b /private/comment": Operation.ANNOTATE,
    b"SETMETADATA %b (/private/comment NIL)": Operation.ANNOTATE,
    b"SETMETADATA %b (/shared/comment NIL)": Operation.ANNOTATE_ALL,
}
"""By name, that leave the mailbox as it is, or nearly so."""

SELECTED = {
    b"STORE 1 +FLAGS (\\Seen \\Deleted x)": Operation.SET_FLAGS,
    b"EXPUNGE": Operation.EXPUNGE,
    b"UID EXPUNGE 1": Operation.EXPUNGE,
    b"MOVE 1 INBOX": Operation.MOVE_OUT,
    b"REPLACE 1 INBOX {1+}\r\nx": Operation.MOVE_OUT,
    b"FETCH 1 BODY[]": Operation.READ,
    b"SEARCH ALL": Operation.READ,
}
"""In the selected mailbox; which is read-write, whatever else."""

ENDING = {
    b'CREATE "Other Users/ann/Work/New"': Right.CREATE,
    b'DELETE "Other Users/ann/Work"': Right.DELETE_MAILBOX,
    # RFC 4314 §4: "x" for the mailbox, "k" for its new superior; which has all here.
    b'RENAME "Other Users/ann/Work" "Other Users/ann/Top/New"': Right.DELETE_MAILBOX,
    b'RENAME "Other Users/ann/Top" "Other Users/ann/Work/New"': Right.CREATE,
}

# By a URL, of a message in the mailbox: how it is written, and asked for.
URL = b"/Other%20Users/ann/Work/;UID=1"
SIGNED = b"imap://bob@h/Other%20Users/ann/Work/;UID=1;URLAUTH=user+bob"
READING = {
    b'APPEND INBOX CATENATE (URL "%b")' % URL,
    b'GENURLAUTH "%b" INTERNAL' % SIGNED,
    b'ESEARCH IN (mailboxes "Other Users/ann/Work") ALL',
}


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "store", "ann", "bob", "eve")
    made.session("ann").ok(b"CREATE Work")
    yield made
    made.close()


def sets():
    """Give each right alone, all but each, and each with the right to see."""
    every = Right(0)
    for one in Right:
        every |= one
    for one in Right:
        yield one
        yield one | Right.LOOKUP
        yield every & ~one


def allowed(answer) -> bool:
    assert answer.status.kind in ("OK", "NO"), answer.status
    if answer.status.kind == "NO":
        assert answer.code in ("NOPERM", "NONEXISTENT", "TRYCREATE"), answer.status
    return bool(answer.status.kind == "OK")


def hides(answer, rights: Right) -> bool:
    """Tell whether a refusal says of the mailbox what it may."""
    if answer.status.kind == "OK" or rights & Right.LOOKUP:
        return True
    return bool(answer.code != "NOPERM")


def test_commands_that_name_a_mailbox(world):
    for name in ("bob", "eve"):
        world.deliver(MESSAGE, name=name)
    bob, eve = world.session("bob"), world.session("eve")
    for rights in sets():
        world.share("Work", "bob", write_rights(rights))
        for command, operation in COMMANDS.items():
            bob.ok(b"SELECT INBOX")
            answer = bob.run(command % THERE)
            expected = NEEDS[operation].met(rights)
            assert allowed(answer) is expected, (command, rights, answer.status)
            assert hides(answer, rights), (command, rights, answer.status)
    world.share("Work", "bob", "")
    for command in COMMANDS:
        for stranger in (bob, eve):
            if command.startswith(b"COPY"):
                stranger.ok(b"SELECT INBOX")
            answer = stranger.run(command % THERE)
            assert not allowed(answer)
            assert hides(answer, NONE)


def test_commands_in_the_selected_mailbox(world):
    bob = world.session("bob")
    for command, operation in SELECTED.items():
        for one in Right:
            rights = one | Right.LOOKUP | Right.READ | Right.INSERT
            less = ~one & (Right(2 ** len(LETTERS) - 1)) | Right.READ | Right.INSERT
            for has in (rights, less):
                world.deliver(MESSAGE, to="Work")
                world.share("Work", "bob", write_rights(has))
                bob.ok(b"SELECT " + THERE)
                answer = bob.run(command)
                expected = NEEDS[operation].met(has)
                assert allowed(answer) is expected, (command, has, answer.status)
                bob.ok(b"UNSELECT")


@pytest.mark.parametrize("command", ENDING)
def test_commands_that_change_names(world, command):
    bob, ann = world.session("bob"), world.session("ann")
    needed = ENDING[command]
    for rights in sets():
        if ann.run(b"CREATE Top").status.kind == "OK":
            world.share("Top", "bob", write_rights(ALL))
        world.share("Work", "bob", write_rights(rights))
        answer = bob.run(command)
        assert allowed(answer) is bool(needed & rights), (rights, answer.status)
        if answer.status.kind == "OK":
            for name in (b"Work/New", b"Top/New"):
                ann.run(b"DELETE " + name)
            ann.run(b"CREATE Work")
    ann.ok(b"DELETE Work")


@pytest.mark.parametrize("command", sorted(READING))
def test_messages_that_are_read_by_a_name_or_url(world, command):
    """CATENATE, GENURLAUTH, ESEARCH: what SELECT needs, and say nothing else."""
    bob = world.session("bob")
    world.deliver(MESSAGE, to="Work")
    for rights in sets():
        world.share("Work", "bob", write_rights(rights))
        answer = bob.run(command)
        readable = NEEDS[Operation.READ].met(rights)
        if command.startswith(b"ESEARCH"):  # what isn't listed is passed over
            listed = bool(rights & Right.LOOKUP)
            assert (b"Work" in answer.raw) is (readable and listed)
        else:
            assert (answer.status.kind == "OK") is readable, (rights, answer.status)
            assert hides(answer, rights)


def test_what_was_signed_is_fetched_as_long_as_its_signer_may_read(world):
    bob = world.session("bob")
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lr")
    (signed,) = bob.ok(b'GENURLAUTH "%b" INTERNAL' % SIGNED).of(SignedUrls)
    for rights in sets():
        world.share("Work", "bob", write_rights(rights))
        (told,) = bob.ok(b'URLFETCH "%b"' % signed.urls[0]).of(FetchedUrls)
        ((_, ((_, content),)),) = told.urls
        assert (content is not None) is NEEDS[Operation.READ].met(rights)


def test_unsubscribing_needs_no_right(world):
    bob = world.session("bob")
    for rights in (NONE, *sets()):
        world.share("Work", "bob", "l")
        bob.ok(b"SUBSCRIBE " + THERE)
        world.share("Work", "bob", write_rights(rights))
        bob.ok(b"UNSUBSCRIBE " + THERE)
        assert b"Work" not in bob.ok(b'LSUB "" *').raw


def test_a_list_is_changed_by_whoever_may(world):
    """ "a" alone is enough for others' entries and one's own; without it nothing is."""
    bob, eve = world.session("bob"), world.session("eve")
    world.share("Work", "bob", "a")
    bob.ok(b"SETACL %b bob lra" % THERE)
    bob.ok(b"SETACL %b eve lr" % THERE)
    eve.no(b"SETACL %b eve +a" % THERE, "NOPERM")
    eve.no(b"DELETEACL %b bob" % THERE, "NOPERM")
    eve.ok(b"SELECT " + THERE)
    bob.ok(b"DELETEACL %b bob" % THERE)
    bob.no(b"SETACL %b bob lr" % THERE, "NONEXISTENT")


def test_an_owner_does_all(world):
    world.deliver(MESSAGE)
    ann = world.session("ann")
    for command in COMMANDS:
        ann.ok(b"SELECT INBOX")
        ann.ok(command % HERE)
    for command in SELECTED:
        world.deliver(MESSAGE, to="Work")
        ann.ok(b"SELECT Work")
        ann.ok(command.replace(b"UID EXPUNGE 1", b"UID EXPUNGE 1:*"))


def test_who_follows_the_account_hears_of_what_he_does_elsewhere(world):
    """NOTIFY (RFC 5465 §3.1): his own removals move the numbers, whatever he wants."""
    world.deliver(MESSAGE, MESSAGE, to="Work")
    world.share("Work", "bob", "lrswite")
    bob = world.session("bob", THERE)
    bob.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge))")
    bob.ok(b"STORE 1 +FLAGS (\\Deleted)")
    assert bob.ok(b"EXPUNGE").of(Expunge) == [Expunge(1)]
    bob.ok(b"FETCH 1 FLAGS")
