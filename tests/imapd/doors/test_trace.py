"""The fields of a message's way, and the words for what was spoken."""

from __future__ import annotations

import pytest

from imapd.doors.names import mailbox_of
from imapd.doors.replies import Answer, of_error
from imapd.doors.trace import Way, protocol_word, trace_fields
from mailstore.errors import (
    Corrupt,
    InvalidContent,
    NotFound,
    NotPermitted,
    OverQuota,
    StoreError,
    TooBig,
    TooMany,
    Unavailable,
)

NOON = 1_764_072_000.9


def test_the_fields_of_rfc_5321():
    way = Way(
        "bob@example.net", "mx", "192.0.2.7", "mail.example.org", "ESMTPS", "7", NOON
    )
    assert trace_fields(way, "ann@example.org") == (
        b"Return-Path: <bob@example.net>\r\n"
        b"Delivered-To: ann@example.org\r\n"
        b"Received: from mx ([192.0.2.7])\r\n"
        b"\tby mail.example.org with ESMTPS id 7\r\n"
        b"\tfor <ann@example.org>; Tue, 25 Nov 2025 12:00:00 +0000\r\n"
    )


def test_a_bounce_an_ipv6_address_and_a_unix_socket():
    way = Way("", "mx", "2001:db8::1", "host", "LMTP", "7", NOON)
    fields = trace_fields(way, "ann")
    assert fields.startswith(b"Return-Path: <>\r\nDelivered-To: ann\r\n")
    assert b"from mx ([IPv6:2001:db8::1])\r\n" in fields
    way = Way("", "mx", "", "host", "LMTP", "7", NOON)
    assert b"Received: from mx\r\n" in trace_fields(way, "ann")


@pytest.mark.parametrize(
    ("base", "extended", "secure", "utf8", "word"),
    [
        ("SMTP", False, False, False, "SMTP"),
        ("SMTP", True, False, False, "ESMTP"),
        ("SMTP", True, True, False, "ESMTPS"),
        ("LMTP", True, False, False, "LMTP"),
        ("LMTP", True, True, False, "LMTPS"),
        ("SMTP", True, True, True, "UTF8SMTPS"),
        ("LMTP", True, False, True, "UTF8LMTP"),
    ],
)
def test_words_for_protocols(
    base: str, extended: bool, secure: bool, utf8: bool, word: str
):
    assert protocol_word(base, extended=extended, secure=secure, utf8=utf8) == word


def test_an_answer_of_several_lines():
    answer = Answer(250, "", "host", ("SIZE 5", "8BITMIME"))
    assert answer.render() == b"250-host\r\n250-SIZE 5\r\n250 8BITMIME\r\n"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound(), 550, "5.1.1"),
        (NotPermitted(), 550, "5.2.1"),
        (TooBig(), 552, "5.3.4"),
        (TooMany(), 452, "4.5.3"),
        (OverQuota(), 452, "4.2.2"),
        (InvalidContent(), 554, "5.6.0"),
        (Corrupt(), 451, "4.3.0"),
        (Unavailable(), 451, "4.3.0"),
        (StoreError(), 451, "4.3.0"),
    ],
)
def test_what_the_store_says_to_who_brings_mail(
    error: StoreError, code: int, status: str
):
    answer = of_error(error)
    assert (answer.code, answer.status) == (code, status)
    assert answer.code // 100 == int(status[0])
    assert answer.transient == (code < 500)


def test_a_full_account_may_refuse_for_good():
    answer = of_error(OverQuota(), refuse_over_quota=True)
    assert (answer.code, answer.status) == (552, "5.2.2")


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        ("lists", "lists"),
        ("inbox/x", "INBOX/x"),
        ("a//b", None),
        ("a*", None),
        ("a\x07", None),
        ("x" * 300, None),
    ],
)
def test_mailboxes_that_an_address_may_name(detail: str, name: str | None):
    assert mailbox_of(detail) == name
