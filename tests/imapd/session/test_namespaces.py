from __future__ import annotations

from imapd.session.namespaces import namespaces
from tests.support.responses import Namespace
from tests.support.session import World


def test_the_response_is_the_same_by_either_command(tmp_path):
    world = World(tmp_path)
    ann = world.session()
    by_language = ann.ok(b"LANGUAGE de").of(Namespace)
    assert by_language == ann.ok(b"NAMESPACE").of(Namespace)
    (told,) = by_language
    assert told.personal == (("", "/"),)
    assert [prefix for prefix, _ in told.other + told.shared] == [
        "Other Users/",
        "Shared/",
    ]
    assert namespaces.__module__.endswith("session.namespaces")
    world.close()
