"""What of a configuration holds without a restart."""

from pathlib import Path

from imapd.app import renewed, store_options
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
