"""POP3 as programs of other people speak it: poplib, curl, fetchmail, getmail, mpop."""

from __future__ import annotations

import mailbox
import poplib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clients.programs import needed_program, run
from tests.support.client import Client
from tests.support.responses import Expunge
from tests.support.server import ACCOUNTS, ServerProcess, running_server

pytestmark = pytest.mark.net

LISTEN = """
[[listen]]
protocol = "pop3"
address = "127.0.0.1:0"
tls = "starttls"

[[listen]]
protocol = "pop3"
address = "127.0.0.1:0"
tls = "implicit"
"""
MESSAGES = (
    b"From: ann@example.org\r\nSubject: one\r\n\r\n.\r\n..\r\n.hidden\r\nlast\r\n",
    b"From: ann@example.org\r\nSubject: two\r\n\r\n" + b"a line of many\r\n" * 20_000,
    b"From: ann@example.org\r\nSubject: three\r\n\r\n+OK no\r\n-ERR no\r\n",
)


@pytest.fixture(scope="module")
def pop3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("pop3")
    arguments = ("--workers", "2")
    with running_server(
        folder, accounts=ACCOUNTS[2:], more_config=LISTEN, arguments=arguments
    ) as made:
        yield made


def fill(server: ServerProcess, name: str) -> Client:
    """Have three messages in somebody's INBOX, and no others; gives his IMAP client."""
    client = server.client(name)
    if client.exists():
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
    for message in MESSAGES:
        client.append(message)
    client.ok("NOOP")
    return client


def pop(server: ServerProcess, name: str, *, tls: bool = False) -> poplib.POP3:
    context = server.certificates.client_context()
    made: poplib.POP3
    if tls:
        made = poplib.POP3_SSL("localhost", server.ports["pop3s"], context=context)
    else:
        made = poplib.POP3("localhost", server.ports["pop3"])
        made.stls(context=context)
    made.user(name)
    made.pass_(server.accounts[name].password)
    return made


def test_poplib_reads_and_removes_and_imap_is_told_at_once(pop3: ServerProcess):
    imap = fill(pop3, "carol")
    client = pop(pop3, "carol")
    assert client.stat() == (3, sum(map(len, MESSAGES)))
    assert client.list()[1] == [
        f"{at} {len(one)}".encode() for at, one in enumerate(MESSAGES, 1)
    ]
    for at, message in enumerate(MESSAGES, 1):
        assert b"\r\n".join([*client.retr(at)[1], b""]) == message
    assert client.top(1, 2)[1][-2:] == [b".", b".."]
    ids = [one.split()[1] for one in client.uidl()[1]]
    assert len(set(ids)) == 3
    assert "TOP" in client.capa()
    with imap.idle() as idle:
        client.dele(2)
        client.quit()
        told = [idle.next()]
        while not isinstance(told[-1], Expunge):  # what was retrieved is \\Seen
            told.append(idle.next())
        assert told[-1] == Expunge(2)
    again = pop(pop3, "carol", tls=True)
    assert [one.split()[1] for one in again.uidl()[1]] == [ids[0], ids[2]]
    with pytest.raises(poplib.error_proto, match="no such message"):
        again.retr(3)
    again.close()
    imap.close()


def test_poplib_gets_utf8(pop3: ServerProcess):
    client = poplib.POP3_SSL(
        "localhost",
        pop3.ports["pop3s"],
        context=pop3.certificates.client_context(),
    )
    client.utf8()
    client.user("carol")
    client.pass_(pop3.accounts["carol"].password)
    client.quit()


def test_curl(pop3: ServerProcess, tmp_path: Path):
    fill(pop3, "carol").close()
    program = needed_program("curl", "curl")
    secret = pop3.accounts["carol"].password.replace('"', '\\"')
    (tmp_path / "curlrc").write_text(f'user = "carol:{secret}"\n')
    line = [program, "-sS", "--config", "curlrc", "--max-time", "30"]
    line += ["--cacert", str(pop3.certificates.authority)]
    url = f"pop3s://localhost:{pop3.ports['pop3s']}/"
    assert run([*line, url], tmp_path).split()[::2] == ["1", "2", "3"]
    for at, message in enumerate(MESSAGES, 1):
        run([*line, f"{url}{at}", "-o", "got"], tmp_path)
        assert (tmp_path / "got").read_bytes() == message
    plain = f"pop3://localhost:{pop3.ports['pop3']}/3"
    run([*line, "--ssl-reqd", plain, "-o", "got"], tmp_path)
    assert (tmp_path / "got").read_bytes() == MESSAGES[2]
    login = [*line, "--login-options", "AUTH=LOGIN", url, "-X", "UIDL"]
    assert len(run(login, tmp_path).splitlines()) == 3
    (tmp_path / "curlrc").write_text('user = "carol:wrong"\n')
    run([*line, url], tmp_path, code=67)  # CURLE_LOGIN_DENIED


def bodies(path: Path) -> list[bytes]:
    """Give the bodies of a mailbox file, as lines."""
    with closing(mailbox.mbox(path)) as box:
        return [bytes(one.get_payload(decode=True)) for one in box]


def wanted_bodies() -> list[bytes]:
    parts = [message.partition(b"\r\n\r\n")[2] for message in MESSAGES]
    return [part.replace(b"\r\n", b"\n") for part in parts]


def mail_agent(folder: Path) -> Path:
    """Make a program that puts what it reads into the file ``mail``."""
    path = folder / "take"
    line = '(echo "From x Thu Jan 1 00:00:00 1970"; cat; echo) >> "$HOME/mail"'
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o700)
    return path


def test_fetchmail_takes_everything_away(pop3: ServerProcess, tmp_path: Path):
    program = needed_program("fetchmail", "fetchmail")
    imap = fill(pop3, "carol")
    take = mail_agent(tmp_path)
    secret = pop3.accounts["carol"].password
    settings = tmp_path / ".fetchmailrc"
    settings.write_text(
        f"poll localhost protocol POP3 service {pop3.ports['pop3']} uidl\n"
        f'  user carol password "{secret}" sslproto TLS1.2+ sslcertck\n'
        f'  sslcertfile "{pop3.certificates.authority}"\n'
        f'  mda "{take}"\n'
    )
    settings.chmod(0o600)
    run([program, "--nosyslog", "-f", str(settings)], tmp_path)
    assert bodies(tmp_path / "mail") == wanted_bodies()
    assert imap.exists() == 0
    imap.close()


def test_getmail_leaves_mail_and_knows_it_again(pop3: ServerProcess, tmp_path: Path):
    program = needed_program("getmail", "getmail6")
    imap = fill(pop3, "carol")
    folder = tmp_path / ".getmail"
    folder.mkdir(mode=0o700)
    (folder / "getmailrc").write_text(
        "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\n"
        f"port = {pop3.ports['pop3s']}\nusername = carol\n"
        f"password = {pop3.accounts['carol'].password}\n"
        f"ca_certs = {pop3.certificates.authority}\n"
        f"[destination]\ntype = MDA_external\npath = {mail_agent(tmp_path)}\n"
        "allow_root_commands = true\n"
        "[options]\nread_all = false\ndelivered_to = false\nreceived = false\n"
    )
    for _ in range(2):
        run([program, "-q"], tmp_path)
    assert bodies(tmp_path / "mail") == wanted_bodies()
    assert imap.exists() == 3
    imap.close()


def test_mpop_pipelines(pop3: ServerProcess, tmp_path: Path):
    program = needed_program("mpop", "mpop")
    imap = fill(pop3, "carol")
    settings = tmp_path / "mpoprc"
    settings.write_text(
        f"account default\nhost localhost\nport {pop3.ports['pop3']}\n"
        f"tls on\ntls_starttls on\ntls_trust_file {pop3.certificates.authority}\n"
        f'user carol\npassword "{pop3.accounts["carol"].password}"\n'
        f"delivery mbox {tmp_path}/mail\nkeep off\npipelining on\n"
        f"uidls_file {tmp_path}/uidls\nreceived_header off\n"
    )
    settings.chmod(0o600)
    run([program, "-C", str(settings), "-q"], tmp_path)
    assert bodies(tmp_path / "mail") == wanted_bodies()
    assert imap.exists() == 0
    imap.close()
