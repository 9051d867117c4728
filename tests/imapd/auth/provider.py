"""An identity provider on a loopback port: a key set, introspection, odd answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes]


class Provider:
    """``answers`` by path; what was asked is kept."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {}
        self.asked: list[tuple[str, str, bytes]] = []
        self.url = ""

    def json(self, path: str, value: object, status: int = 200) -> None:
        self.answers[path] = lambda _: (status, json.dumps(value).encode())

    def count(self, path: str) -> int:
        return sum(1 for asked, _, _ in self.asked if asked == path)


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            authorization = self.headers.get("Authorization", "")
            provider.asked.append((self.path, authorization, body))
            status, data = provider.answers[self.path]({"body": body})
            self.send_response(status)
            if status == 302:
                self.send_header("Location", provider.url + "/keys")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = _answer  # noqa: N815 - http.server's
        do_POST = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
