"""Counting connections: who may come in, and who has to go."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.session.admission import ConnectionAdmission, Ticket, network_of
from imapd.session.limits import Limits
from mailstore.model import AccountId

ALICE = AccountId("alice")


@dataclass
class Client:
    admission: ConnectionAdmission
    address: str
    account: AccountId | None = None
    dropped: bool = False
    ticket: Ticket | None = field(default=None)

    def connect(self) -> "Client":
        got = self.admission.connect(
            self.address, self._drop, lambda: self.account is None
        )
        self.ticket = got if isinstance(got, Ticket) else None
        return self

    def _drop(self) -> None:
        self.dropped = True

    def login(self, account: AccountId = ALICE) -> bool:
        if self.admission.login(account, self.address):
            self.account = account
            return True
        return False

    def leave(self) -> None:
        if self.account is not None:
            self.admission.logout(self.account, self.address)
            self.account = None
        if self.ticket is not None:
            self.admission.disconnect(self.ticket)


def make(**changes: int) -> ConnectionAdmission:
    limits = replace(Limits(), **changes)
    return ConnectionAdmission(lambda: limits)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/socket", "/run/socket"),
    ],
)
def test_a_person_has_one_address_or_one_network(address, network):
    assert network_of(address) == network


def test_all_connections_are_bounded():
    admission = make(connections=2)
    clients = [Client(admission, f"192.0.2.{n}").connect() for n in range(3)]
    assert [c.ticket is not None for c in clients] == [True, True, False]
    assert admission.connect("x", lambda: None, lambda: True) == "too many connections"
    clients[0].leave()
    assert clients[2].connect().ticket is not None


def test_connections_of_one_address_are_bounded_and_others_come_in():
    admission = make(connections_per_address=2)
    same = [Client(admission, f"2001:db8::{n}").connect() for n in range(3)]
    assert [c.ticket is not None for c in same] == [True, True, False]
    assert Client(admission, "2001:db8:0:1::1").connect().ticket is not None


def test_sessions_of_one_account_are_bounded_over_all_addresses():
    admission = make(connections_per_account=2)
    clients = [Client(admission, f"192.0.2.{n}").connect() for n in range(3)]
    assert [client.login() for client in clients] == [True, True, False]
    clients[0].leave()
    assert clients[2].login()


def test_strangers_crowd_out_the_oldest_of_the_busiest_address():
    admission = make(connections_unauthenticated=4)
    person = Client(admission, "192.0.2.1").connect()
    assert person.login()
    quiet = Client(admission, "192.0.2.2").connect()
    crowd = [Client(admission, "192.0.2.3").connect() for _ in range(3)]
    newcomer = Client(admission, "192.0.2.4").connect()
    assert newcomer.ticket is not None
    assert [client.dropped for client in crowd] == [True, False, False]
    assert not quiet.dropped
    assert not person.dropped


def test_who_is_logged_in_is_not_dropped_even_at_the_busiest_address():
    admission = make(connections_unauthenticated=2)
    crowd = [Client(admission, "192.0.2.3").connect() for _ in range(2)]
    assert crowd[0].login()
    crowd.append(Client(admission, "192.0.2.3").connect())
    Client(admission, "192.0.2.9").connect()
    assert [client.dropped for client in crowd] == [False, True, False]


def test_a_lost_connection_may_be_counted_off_before_its_session():
    admission = make()
    client = Client(admission, "192.0.2.1").connect()
    assert client.login()
    assert client.ticket is not None
    admission.disconnect(client.ticket)
    client.leave()
    assert (admission.connections, admission.strangers) == (0, 0)
    assert not admission._strangers
    assert not admission._tickets
    assert not admission._accounts


_STEPS = st.lists(
    st.tuples(st.sampled_from(["connect", "login", "leave"]), st.integers(0, 5))
)


@given(_STEPS)
def test_counts_are_what_they_count(steps):
    admission = make(
        connections=5, connections_per_address=3, connections_per_account=2
    )
    clients = [Client(admission, f"192.0.2.{n % 2}") for n in range(6)]
    inside: set[int] = set()
    for what, number in steps:
        client = clients[number]
        if what == "connect" and number not in inside:
            if client.connect().ticket is not None:
                inside.add(number)
        elif what == "login" and number in inside and client.account is None:
            client.login()
        elif what == "leave" and number in inside:
            client.leave()
            inside.discard(number)
        here = [clients[n] for n in inside]
        assert admission.connections == len(here) <= 5
        assert admission.strangers == sum(c.account is None for c in here)
        assert sum(c.account is not None for c in here) <= 2


def test_those_of_a_mail_server_are_no_strangers_and_have_no_bound_of_their_own():
    """A busy Postfix holds hundreds of sockets here, all from one place.

    Counted as strangers they were the most of all, and none of them may be dropped:
    real strangers were not dropped either then.
    """
    admission = make(connections_per_address=2, connections_unauthenticated=2)
    trusted = [
        admission.connect("unix", lambda: None, lambda: False, trusted=True)
        for _ in range(5)
    ]
    assert admission.strangers == 0
    assert admission.connections == 5
    first, second, third = (
        Client(admission, f"192.0.2.{n}").connect() for n in range(3)
    )
    assert first.dropped
    assert not second.dropped
    assert third.ticket is not None
    for ticket in trusted:
        assert isinstance(ticket, Ticket)
        admission.disconnect(ticket)
        admission.disconnect(ticket)
    assert admission.connections == 2
    assert admission.strangers == 2
