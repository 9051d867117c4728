"""LOGIN-DELAY over workers (RFC 2449 §6.5)."""

from imapd.doors.pop3.delays import LoginDelays


def test_who_was_here_waits_and_a_refusal_doesnt_make_it_longer():
    now = [0.0]
    delays = LoginDelays(lambda: now[0])
    assert delays.may_enter("a", 10)
    now[0] = 9
    assert not delays.may_enter("a", 10)
    assert delays.may_enter("b", 10)
    now[0] = 10
    assert delays.may_enter("a", 10)


def test_without_a_delay_nothing_is_remembered():
    delays = LoginDelays(lambda: 0.0)
    assert all(delays.may_enter("a", 0) for _ in range(3))
    assert delays.may_enter("a", 10)


def test_memory_is_bounded():
    delays = LoginDelays(lambda: 0.0, most=2)
    for name in ("a", "b", "c"):
        delays.may_enter(name, 10)
    assert delays.may_enter("a", 10)
    assert not delays.may_enter("c", 10)
    delays.hear(b"\xff")
