"""The page of what is done of each RFC is up to date."""

from __future__ import annotations

from tests.docs import rfc_coverage


def test_the_page_is_what_the_table_and_the_source_say():
    """`python -m tests.gate coverage` writes it anew."""
    assert rfc_coverage.PAGE.read_text(encoding="utf-8") == rfc_coverage.render()


def test_every_section_of_the_table_is_on_the_page():
    text = rfc_coverage.render()
    assert "| 6.4.5 FETCH Command | done |" in text
    assert "`imapd/commands/fetch/handler.py`" in text
    assert "`transcripts/rfc3501-6.4.5-fetch.imap`" in text


def test_what_is_advertised_is_done():
    assert list(rfc_coverage.lacking()) == []
