"""HTTP for monitoring: one page, ``/metrics``, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Site

from imapd.net.loop import Loop

_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_SECONDS = 10  # for a request


class _Page(Resource):
    def __init__(self, text: Callable[[], bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._text = text

    def render_GET(self, request: Any) -> bytes:  # noqa: ANN401 - Twisted's
        """Give the numbers as they are now."""
        request.setHeader(b"content-type", _TYPE)
        return self._text()


class _Quiet(Site):
    noisy = False

    def log(self, request: Any) -> None:  # noqa: ANN401 - Twisted's
        """Keep monitoring out of the log."""


def metrics_site(loop: Loop, text: Callable[[], bytes]) -> Any:  # noqa: ANN401 - Twisted's
    """Make the factory of a listening address. ``text`` writes the numbers."""
    make: Any = Resource  # untyped in Twisted
    root = make()
    root.putChild(b"metrics", _Page(text))
    site: Any = _Quiet
    return site(root, reactor=loop, timeout=_SECONDS)
