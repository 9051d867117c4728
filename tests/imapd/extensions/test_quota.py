"""GETQUOTA, GETQUOTAROOT, SETQUOTA, refusals and warnings (RFC 9208)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.quota import FEATURE, SET_FEATURE
from imapd.extensions.quota.commands import GetQuota, GetQuotaRoot, SetQuota
from imapd.extensions.quota.roots import RootName
from imapd.extensions.quota.warnings import QuotaNews
from imapd.extensions.status_deleted import FEATURE as STATUS_DELETED
from imapd.session.faults import Bad
from mailstore.quotas import QuotaLimits
from tests.imapd.commands import strategies
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.furnished import OPTIONS
from tests.support.linked_bus import LinkedBus
from tests.support.responses import Capabilities, Quota, QuotaRoots, Status
from tests.support.session import World

KIB = b"x" * 1024
NODES = [
    (b'GETQUOTA "!partition/sda4"', GetQuota(b"!partition/sda4")),
    (b'GETQUOTA ""', GetQuota(b"")),
    (b"GETQUOTAROOT INBOX", GetQuotaRoot(b"INBOX")),
    (b"GETQUOTAROOT {5+}\r\n", GetQuotaRoot(b"a b/c")),
    (
        b'SETQUOTA "#user/alice" (STORAGE 510)',
        SetQuota(b"#user/alice", (("STORAGE", 510),)),
    ),
    (
        b"setquota #user/alice (storage 9223372036854775807 X-other 0)",
        SetQuota(b"#user/alice", (("STORAGE", 2**63 - 1), ("X-OTHER", 0))),
    ),
    (b'SETQUOTA "" ()', SetQuota(b"", ())),
]


def name_of(node):
    return type(node).__name__.upper()


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    literals = (b"a b/c",) if b"{" in text else ()
    assert parsed(text, *literals) == node
    assert reparsed(name_of(node), node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"GETQUOTA", "a space wanted at octet 10"),
        (b"GETQUOTAROOT INBOX x", "the end of the command wanted at octet 20"),
        (b"SETQUOTA a", "a space wanted at octet 12"),
        (b"SETQUOTA a (STORAGE)", "a space wanted at octet 21"),
        (b"SETQUOTA a (STORAGE x)", "a number"),
        (b"SETQUOTA a (STORAGE 9223372036854775808)", "a number"),
        (b"SETQUOTA a (STORAGE 1 storage 2)", "STORAGE once wanted at octet 24"),
        (b"SETQUOTA a (/ 1)", "a resource wanted at octet 14"),
        (
            b"SETQUOTA a (%b)" % b" ".join(b"R%d 1" % n for n in range(17)),
            "fewer resources",
        ),
    ],
)
def test_what_is_no_command_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


limits = st.dictionaries(
    st.sampled_from(["STORAGE", "MESSAGE", "MAILBOX", "ANNOTATION-STORAGE", "X"]),
    st.integers(0, 2**63 - 1),
)


@given(
    st.one_of(
        st.builds(GetQuota, strategies.strings),
        st.builds(GetQuotaRoot, strategies.strings),
        st.builds(
            SetQuota, strategies.strings, limits.map(lambda one: tuple(one.items()))
        ),
    )
)
def test_parse_is_the_inverse_of_unparse(node):
    assert reparsed(name_of(node), node) == node


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob", "root")
    made.store.directory.set_admin("root", admin=True)
    yield made
    made.close()


def limit(world, name="ann", top="", **most):
    async def work():
        account = await world.store.account(world.store.directory.find(name).id)
        await account.quota.set(top, QuotaLimits(**most))
        await account.close()

    world.runtime.run(work())


def warnings(answer):
    return [
        one.text
        for one in answer.of(Status)
        if (one.kind, one.tag) == ("NO", None) and one.code.name == "OVERQUOTA"
    ]


def test_every_resource_is_a_capability(world):
    (found,) = world.connect().ok(b"CAPABILITY").of(Capabilities)
    quota = {one for one in found.names if one.startswith("QUOTA")}
    told = {one.text for one in (*FEATURE.capabilities, *SET_FEATURE.capabilities)}
    assert quota == told
    assert len(told) == 6
    assert STATUS_DELETED.capabilities == ()


def test_the_roots_of_a_mailbox_are_told_with_usage_and_limits(world):
    limit(world, storage=10240, message=1000)
    limit(world, top="Entwürfe", message=5)
    ann = world.session()
    ann.ok(b"CREATE Entw&APw-rfe")
    ann.append(b"Entw&APw-rfe", KIB + b"x")
    answer = ann.ok(b"GETQUOTAROOT Entw&APw-rfe/Neu")
    names = ("#user/ann", "#user/ann/Entw&APw-rfe")
    assert answer.untagged == (
        QuotaRoots("Entw&APw-rfe/Neu", names),
        Quota(names[0], {"STORAGE": (2, 10240), "MESSAGE": (1, 1000)}),
        Quota(names[1], {"MESSAGE": (1, 5)}),
    )
    (found,) = ann.ok(b"GETQUOTA #user/ann/Entw&APw-rfe").of(Quota)
    assert found == answer.untagged[2]
    assert RootName("ann", "Entwürfe").text == "#user/ann/Entwürfe"
    ann.ok(b"ENABLE UTF8=ACCEPT")
    command = 'GETQUOTA "#user/ann/Entwürfe"'.encode()
    assert ann.ok(command).raw.startswith('* QUOTA "#user/ann/Entwürfe"'.encode())
    assert ann.ok(b"GETQUOTAROOT inbox").of(QuotaRoots) == [
        QuotaRoots("INBOX", ("#user/ann",))
    ]
    ann.no(b"GETQUOTAROOT a//b", "NONEXISTENT")


def test_nobody_asks_for_somebody_else_but_an_administrator(world):
    limit(world, "bob", message=7)
    ann, root = world.session(), world.session("root")
    ann.no(b"GETQUOTA #user/bob", "NOPERM")
    ann.no(b"GETQUOTA #user/nobody", "NOPERM")
    ann.no(b"SETQUOTA #user/ann (MESSAGE 9)", "NOPERM")
    assert root.ok(b"GETQUOTA #user/BOB").of(Quota) == [
        Quota("#user/bob", {"MESSAGE": (0, 7)})
    ]
    for command in (b"GETQUOTA #user/nobody", b"SETQUOTA #user/nobody ()"):
        root.no(command, "NONEXISTENT")
    for name in (b"#user/bob/", b"#user/bob/a//b", b"#user/", b'""', b"#user/&x"):
        root.no(b"GETQUOTA " + name, "NONEXISTENT")


def test_an_administrator_sets_limits_and_discards_the_others(world):
    root, bob = world.session("root"), world.session("bob")
    for command, told in (
        (b"(STORAGE 512 MESSAGE 0)", {"STORAGE": (0, 512), "MESSAGE": (0, 0)}),
        (b"(mailbox 100)", {"MAILBOX": (6, 100)}),
        (b"()", {}),
        (b"(MESSAGE 0)", {"MESSAGE": (0, 0)}),
    ):
        answer = root.ok(b"SETQUOTA #user/bob " + command)
        assert answer.untagged == (Quota("#user/bob", told),)
    assert bob.append(b"INBOX", b"x").code == "OVERQUOTA"
    root.no(b"SETQUOTA #user/bob (MESSAGE 5 X-OTHER 1)", "CANNOT")
    assert bob.append(b"INBOX", b"x").code == "OVERQUOTA"
    answer = root.ok(b"SETQUOTA #user/bob/Archive (MESSAGE 3)")
    assert answer.untagged == (Quota("#user/bob/Archive", {"MESSAGE": (0, 3)}),)
    assert root.ok(b"SETQUOTA #user/bob/Archive ()").untagged == ()
    root.no(b"GETQUOTA #user/bob/Archive", "NONEXISTENT")


def test_a_message_is_refused_before_its_octets_come(world):
    limit(world, storage=2)
    ann = world.session(mailbox=b"INBOX")
    ann.begin(b"APPEND INBOX {2048}")
    assert ann.feed(KIB + KIB + b"\r\n")[-1].kind == "OK"
    (answer,) = ann.feed(b"x APPEND INBOX {1}\r\n")
    assert (answer.kind, answer.code.name) == ("NO", "OVERQUOTA")
    ann.no(b"COPY 1 Sent", "OVERQUOTA")
    ann.ok(b"CREATE New")
    ann.ok(b"MOVE 1 Sent")
    ann.no(b"APPEND INBOX {1+}\r\nx", "OVERQUOTA")


def test_many_messages_are_refused_at_the_one_that_is_too_much(world):
    limit(world, storage=2)
    ann = world.session()
    ann.begin(b"APPEND INBOX {1024}")
    ann.feed(KIB + b" {1024}\r\n")
    (answer,) = ann.feed(KIB + b" {1}\r\n")
    assert (answer.kind, answer.code.name) == ("NO", "OVERQUOTA")
    limit(world, message=1)
    two = b"APPEND INBOX {1+}\r\na {1+}\r\nb"
    ann.no(two, "OVERQUOTA")


def test_a_replacement_counts_by_the_difference(world):
    limit(world, storage=2, message=2)
    ann = world.session(mailbox=b"INBOX")
    ann.append(b"INBOX", KIB)
    ann.append(b"INBOX", KIB)
    ann.begin(b"REPLACE 1 INBOX {1024}")
    assert ann.feed(KIB + b"\r\n")[-1].kind == "OK"
    (answer,) = ann.feed(b"x REPLACE 1 INBOX {1025}\r\n")
    assert (answer.kind, answer.code.name) == ("NO", "OVERQUOTA")
    ann.no(b"UID REPLACE 99 INBOX {1}", "OVERQUOTA")  # there is no such message
    pieces = b"CATENATE (TEXT {1024+}\r\n%b)" % KIB
    ann.ok(b"REPLACE 1 INBOX " + pieces)
    ann.no(b"APPEND INBOX " + pieces, "OVERQUOTA")


def test_mailboxes_are_refused(world):
    limit(world, mailbox=6)
    ann = world.session()
    ann.no(b"CREATE a", "OVERQUOTA")
    ann.ok(b"RENAME Archive a")
    ann.no(b"RENAME a b/c", "OVERQUOTA")


def test_who_is_nearly_full_is_warned_once_by_what_he_adds(world):
    """RFC 9208 §4.3.1, examples 2 and 3."""
    limit(world, storage=100, message=4)
    ann = world.session(mailbox=b"INBOX")
    for _ in range(3):
        assert warnings(ann.append(b"INBOX", b"x")) == []
    told = ["100 % of the quota is used (MESSAGE)"]
    assert warnings(ann.ok(b"COPY 1 Sent")) == told
    assert ann.append(b"INBOX", b"x").code == "OVERQUOTA"
    assert warnings(ann.ok(b"MOVE 1 Sent")) == []
    ann.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    ann.ok(b"EXPUNGE")
    assert warnings(ann.append(b"INBOX", b"x")) == []
    assert warnings(ann.append(b"INBOX", b"x")) == told
    limit(world, storage=2)
    big = b"REPLACE 1 Drafts {1500+}\r\n" + b"x" * 1500
    assert warnings(ann.ok(big)) == ["100 % of the quota is used (STORAGE)"]


def test_selecting_a_mailbox_warns_each_time_and_nothing_else_does(world):
    limit(world, top="Archive", message=1)
    world.deliver(b"x", to="Archive")
    ann = world.session()
    for command in (b"SELECT Archive", b"EXAMINE Archive", b"SELECT Archive"):
        assert warnings(ann.ok(command)) == ["100 % of the quota is used (MESSAGE)"]
    for command in (b"NOOP", b"SELECT INBOX", b"STATUS Archive (MESSAGES)", b"NOOP"):
        assert warnings(ann.ok(command)) == []
    assert QuotaNews.events == {}


def test_no_share_no_warning(tmp_path):
    world = World(
        tmp_path,
        options=replace(OPTIONS, quota_warning=0, quota=QuotaLimits(message=1)),
    )
    ann = world.session(mailbox=b"INBOX")
    assert warnings(ann.append(b"INBOX", b"x")) == []
    assert warnings(ann.ok(b"SELECT INBOX")) == []
    world.close()


def test_messages_from_elsewhere_warn_who_has_the_mailbox_selected(world):
    limit(world, message=2)
    ann, idle, away = (world.session() for _ in range(3))
    ann.ok(b"SELECT INBOX")
    idle.ok(b"SELECT INBOX")
    idle.begin(b"IDLE")
    away.ok(b"NOOP")
    world.deliver(b"1", b"2")
    told = [one for one in idle.read() if isinstance(one, Status)]
    assert [(one.kind, one.code and one.code.name) for one in told] == [
        ("NO", "OVERQUOTA")
    ]
    assert len(warnings(ann.ok(b"NOOP"))) == 1
    assert warnings(ann.ok(b"NOOP")) == []
    # §4.3.1 MUST NOT: nothing selected, nothing added.
    assert warnings(away.ok(b"NOOP")) == []


def test_what_goes_wrong_behind_the_commit_does_not_undo_the_answer(world, monkeypatch):
    """A NO would have the client append its message a second time."""
    from mailstore.errors import Unavailable

    async def broken(*_, **__):
        raise Unavailable

    ann = world.session()
    monkeypatch.setattr("mailstore.service.quota.Quota.added_to", broken)
    assert ann.append(b"INBOX", b"x").status.kind == "OK"
    assert [kind for kind, _ in world.log.events if kind == "store"] == ["store"]


def test_another_worker_keeps_the_same_limit(tmp_path):
    bus = LinkedBus()
    world = World(tmp_path, bus=bus)
    limit(world, message=1)
    ann = world.session()
    assert ann.append(b"INBOX", b"x").status.kind == "OK"
    other = World(tmp_path, bus=LinkedBus())
    far = other.session()
    assert far.append(b"INBOX", b"x").code == "OVERQUOTA"
    limit(other, message=2)
    assert ann.append(b"INBOX", b"x").status.kind == "OK"
    assert far.append(b"INBOX", b"x").code == "OVERQUOTA"
    other.close()
    world.close()
