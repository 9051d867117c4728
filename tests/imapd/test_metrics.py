"""Numbers for monitoring: what is counted, what the workers tell each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imapd import logs
from imapd.metrics import CONNECTIONS, METRICS, Metrics
from imapd.net.http import metrics_site
from tests.imapd.net.fakes import ClockLoop


def lines(metrics: Metrics) -> list[str]:
    text = metrics.text().decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_every_event_of_a_session_counts():
    metrics = Metrics(3)
    sessions = logs.Sessions(count=metrics.event)
    sessions.event("login", mechanism="PLAIN", user="ann")
    sessions.event("command", command="NOOP")  # though it isn't logged
    sessions.event("login-failed", user="x", reason="y")
    sessions.event("login-failed", user="x", reason="y")
    sessions.failure(ValueError("x"))
    assert lines(metrics) == [
        'imapd_events_total{event="command",worker="3"} 1.0',
        'imapd_events_total{event="failure",worker="3"} 1.0',
        'imapd_events_total{event="login",worker="3"} 1.0',
        'imapd_events_total{event="login-failed",worker="3"} 2.0',
        'imapd_logins_total{mechanism="PLAIN",worker="3"} 1.0',
    ]


def test_commands_count_without_an_event_each():
    metrics = Metrics(3)
    sessions = logs.Sessions(count=metrics.event)
    metrics.silent("command", lambda: sessions.answered)
    assert lines(metrics) == []
    sessions.answered += 2
    assert lines(metrics) == ['imapd_events_total{event="command",worker="3"} 2.0']
    sessions.event("command", command="NOOP")  # somebody has wanted them meanwhile
    assert lines(metrics) == ['imapd_events_total{event="command",worker="3"} 3.0']


def test_workers_tell_what_changed():
    one, two = Metrics(1), Metrics(2)
    open_ = [5.0]
    two.gauge(CONNECTIONS, lambda: open_[0])
    two.event("connect", {})
    for note in two.notes():
        one.hear(note)
    assert list(two.notes()) == []
    open_[0] = 4
    for note in two.notes():
        assert b'"connect"' not in note
        one.hear(note)
    assert lines(one) == [
        'imapd_events_total{event="connect",worker="2"} 1.0',
        'imapd_sessions_total{protocol="imap",worker="2"} 1.0',
        'imapd_connections{worker="2"} 4.0',
    ]


def test_deliveries_are_counted_by_their_answers():
    metrics = Metrics()
    metrics.event("connect", {"protocol": "lmtp"})
    for code in (250, 250, 452):
        metrics.event("delivery", {"code": code})
    found = lines(metrics)
    assert 'imapd_deliveries_total{code="250",worker="0"} 2.0' in found
    assert 'imapd_deliveries_total{code="452",worker="0"} 1.0' in found
    assert 'imapd_sessions_total{protocol="lmtp",worker="0"} 1.0' in found


def test_notes_are_short():
    metrics = Metrics()
    for number in range(500):
        metrics.event(f"event-{number}", {})
    assert max(len(note) for note in metrics.notes()) < 4_000


@given(st.binary(max_size=60))
def test_any_note_is_survived(note):
    metrics = Metrics()
    metrics.hear(note)
    metrics.text()


def test_names_are_prometheus_names():
    for spec in METRICS:
        assert spec.name.startswith("imapd_")
        assert spec.name.endswith("_total") == (spec.kind == "counter")


def test_the_page_says_what_it_is():
    site = metrics_site(ClockLoop(), lambda: b"x 1")  # type: ignore[arg-type]
    assert site.resource.listNames() == [b"metrics"]
