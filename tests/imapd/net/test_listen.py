"""Listening sockets: opened at once, shared between workers, told in words."""

import os
import socket
from contextlib import contextmanager

import pytest

from imapd.config import Listen
from imapd.net.listen import AddressError, Endpoint, open_endpoints, ready_line

pytestmark = pytest.mark.net
ANY = Listen(address=("127.0.0.1", 0), tls="none")


@contextmanager
def opened(*listens, copies=1):
    rows = open_endpoints(listens, copies)
    try:
        yield rows
    finally:
        for row in rows:
            for endpoint in row:
                os.close(endpoint.descriptor)


def test_port_0_becomes_a_real_one_and_accepts():
    with opened(ANY) as ((endpoint,),):
        assert endpoint.bound[1] > 0
        socket.create_connection(endpoint.bound, timeout=5).close()


def test_accepted_sockets_wait_for_nothing_and_find_out_who_is_gone():
    """Linux hands these options on; else each connection would cost two calls."""
    with (
        opened(ANY) as ((endpoint,),),
        socket.create_connection(endpoint.bound, timeout=5),
        socket.socket(fileno=os.dup(endpoint.descriptor)) as server,
    ):
        server.settimeout(5)
        accepted, _ = server.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_all_workers_share_the_port():
    with opened(ANY, copies=3) as rows:
        ports = {row[0].bound for row in rows}
        assert len(ports) == 1
        assert len({row[0].descriptor for row in rows}) == 3
        reached = set()
        where = rows[0][0].bound
        clients = [socket.create_connection(where, timeout=5) for _ in range(60)]
        for index, row in enumerate(rows):
            server = socket.socket(fileno=os.dup(row[0].descriptor))
            with server:
                server.setblocking(False)
                while True:
                    try:
                        server.accept()[0].close()
                    except BlockingIOError:
                        break
                    reached.add(index)
        for client in clients:
            client.close()
        assert len(reached) > 1


@pytest.mark.parametrize("copies", [1, 2])
def test_a_port_that_is_taken_is_told_in_words(copies):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        with pytest.raises(AddressError, match=f"127.0.0.1:{address[1]}: Address al"):
            open_endpoints([ANY, Listen(address=address, tls="none")], copies)


def test_a_second_server_cannot_share_the_ports_of_the_first():
    with opened(ANY, copies=2) as rows:
        same = Listen(address=rows[0][0].bound, tls="none")
        with pytest.raises(AddressError):
            open_endpoints([same], 2)


def test_an_address_that_is_not_ours_is_told_in_words():
    with pytest.raises(AddressError, match=r"192\.0\.2\.1:0: Cannot assign"):
        open_endpoints([Listen(address=("192.0.2.1", 0))])
    with pytest.raises(AddressError, match=r"no\.such\.host\.invalid"):
        open_endpoints([Listen(address=("no.such.host.invalid", 0))])


def test_the_ready_line_names_protocols_and_addresses():
    endpoints = [
        Endpoint("imap", "starttls", ("127.0.0.1", 143), 2, 3),
        Endpoint("imap", "implicit", ("::1", 993), 10, 4),
    ]
    assert ready_line(endpoints) == "ready imap=127.0.0.1:143 imaps=[::1]:993"
