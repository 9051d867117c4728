"""What of a configuration holds without a restart."""

from pathlib import Path

from imapd.app import renewed, reread, store_options
from imapd.config import Config, parse_config

PLAIN = '[[listen]]\naddress = "127.0.0.1:0"\ntls = "none"\n'
AGAIN = "[limits]\nmessage = 1000\n[quota]\nmessages = 7\nwarning = 50\n"


def config(text: str) -> Config:
    return parse_config(PLAIN + text, Path("imapd.toml"))


def test_limits_of_messages_and_quotas_hold_when_they_are_read_again():
    held = store_options(config("[store]\nretention_days = 3\n"))
    found = renewed(held, config(AGAIN))
    assert found.max_message == 1_000
    assert (found.quota.message, found.quota_warning) == (7, 50)
    assert found.retention == held.retention


def test_a_worker_that_begins_later_is_like_the_others():
    held = config(
        '[[listen]]\naddress = "127.0.0.1:1"\nprotocol = "lmtp"\ntls = "none"\n'
        '[store]\npath = "here"\n[server]\nhung_seconds = 30\n[log]\nfile = "a"\n'
    )
    other = config(
        '[store]\npath = "there"\n[server]\nhung_seconds = 600\n'
        '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
        '[log]\nfile = "b"\nlevel = "debug"\n' + AGAIN
    )
    found = reread(held, other)
    assert (found.listen, found.store, found.server) == (
        held.listen,
        held.store,
        held.server,
    )
    assert (found.log.file, found.log.level) == (held.log.file, "debug")
    assert (found.limits, found.quota) == (other.limits, other.quota)
    assert found.tls == held.tls, "none of its sockets has any"


def test_certificates_are_others_when_they_are_read_again():
    before, now = (
        config(f'[tls]\ncertificate = "{name}.pem"\nkey = "{name}.key"\n')
        for name in ("before", "now")
    )
    assert reread(before, now).tls == now.tls
    assert reread(before, config("")).tls == before.tls
