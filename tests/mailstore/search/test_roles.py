from mailstore.search import roles
from mailstore.search.roles import Role, Roles


def test_what_a_character_can_be():
    known = Roles("fix")
    assert known["ﬁ"] == Role(b"fi", last=False)
    assert known["ｘ"].new == b"x"
    assert known["ẍ"].last
    assert known["ẍ"].new.startswith(b"x")
    for char in "íéжß\u0301\ud800":  # an accent follows, or there is no such letter
        assert known[char].new == b""
    assert {char for char, _ in known.among("fiﬁéｘ ж".encode())} == {"ﬁ", "ｘ"}


def test_what_is_remembered_of_characters_is_bounded(monkeypatch):
    monkeypatch.setattr(roles, "_MOST_ROLES", 10)
    known = Roles("q")
    assert known.among("".join(map(chr, range(0x400, 0x500))).encode()) == []
    assert len(known) == 10
