"""A slow and obvious scanner: line by line, by recursion, as RFC 2046 §5.1 reads.

It has no limits and shares nothing with the real one but the reading of one field.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailstore.mime.header import media_type, parameter, parameters

LONGEST = 280  # a line with no end within as many octets is no boundary


Shape = tuple[int, int, int, tuple[bytes, bytes], list["Shape"]]


@dataclass
class Node:
    header: int
    body: int = -1
    end: int = -1
    kind: tuple[bytes, bytes] = (b"text", b"plain")
    children: list[Node] = field(default_factory=list)

    def shape(self) -> Shape:
        return (
            self.header,
            self.body,
            self.end,
            self.kind,
            [child.shape() for child in self.children],
        )


def slow_scan(data: bytes) -> Node:
    return _Reference(data).run()


class _Reference:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lines: list[tuple[int, bytes]] = []
        at = 0
        for line in data.split(b"\n"):
            self.lines.append((at, line))
            at += len(line) + 1
        if self.lines[-1][0] >= len(data):
            self.lines.pop()  # behind the last line end there is no line
        self.at = 0  # number of the line

    def run(self) -> Node:
        node, _ = self.entity(0, [], digest=False)
        return node

    def offset(self) -> int:
        return self.lines[self.at][0] if self.at < len(self.lines) else len(self.data)

    def ended(self) -> bool:
        start, line = self.lines[self.at]
        return start + len(line) < len(self.data)

    def stops(self, outer: list[bytes]) -> tuple[int, bool] | None:
        """Tell which open boundary this line is, and whether it closes."""
        start, line = self.lines[self.at]
        if start == 0 or not line.startswith(b"--"):
            return None
        if len(line) > LONGEST or (len(line) == LONGEST and self.ended()):
            return None
        text = line[2:].rstrip(b" \t\r")
        for closes in (False, True):
            if closes:
                if not text.endswith(b"--"):
                    return None
                text = text[:-2]
            for level in range(len(outer) - 1, -1, -1):
                if outer[level] == text:
                    return level, closes
        return None

    def before(self) -> int:
        """Give the offset before the line end in front of this line."""
        if self.at >= len(self.lines):
            return len(self.data)
        end = self.offset() - 1
        if end > 0 and self.data[end - 1 : end] == b"\r":
            end -= 1
        return end

    def entity(
        self, start: int, outer: list[bytes], *, digest: bool
    ) -> tuple[Node, tuple[int, bool] | None]:
        """Read one entity; give it with the boundary that ended it."""
        node = Node(start)
        stop = self.header(node, outer)
        header = self.data[node.header : node.body]
        self.type(node, header, digest)
        if stop is not None or self.at >= len(self.lines):
            if node.kind[0] == b"message" and node.kind[1] in (b"rfc822", b"global"):
                node.children.append(Node(node.body, node.body, node.body))
            elif node.kind[0] == b"multipart":
                node.kind = b"text", b"plain"
            node.end = node.body
            return node, stop
        if node.kind[0] == b"message" and node.kind[1] in (b"rfc822", b"global"):
            child, stop = self.entity(node.body, outer, digest=False)
            node.children.append(child)
            node.end = child.end
            return node, stop
        boundary = parameter(parameters(self.content_type), b"boundary")
        boundary = (boundary or b"").rstrip(b" \t")
        if node.kind[0] == b"multipart" and 0 < len(boundary) <= 200:
            stop = self.parts(node, outer, boundary)
        else:
            stop = self.skip(outer)
            node.end = max(self.before(), node.body)
        if node.kind[0] == b"multipart" and not node.children:
            node.kind = b"text", b"plain"
        return node, stop

    def header(self, node: Node, outer: list[bytes]) -> tuple[int, bool] | None:
        while self.at < len(self.lines):
            stop = self.stops(outer)
            if stop is not None:
                node.body = max(self.before(), node.header)
                return stop
            blank = self.lines[self.at][1] in (b"", b"\r") and self.ended()
            self.at += 1
            if blank:
                node.body = self.offset()
                return None
        node.body = len(self.data)
        return None

    content_type = b""

    def type(self, node: Node, header: bytes, digest: bool) -> None:
        self.content_type = b""
        node.kind = (b"message", b"rfc822") if digest else (b"text", b"plain")
        unfolded: list[bytes] = []
        for line in header.split(b"\n"):
            if line[:1] in (b" ", b"\t") and unfolded:
                unfolded[-1] += b"\n" + line
            else:
                unfolded.append(line)
        for line in unfolded:
            name, colon, value = line.partition(b":")
            if colon and name.rstrip(b" \t").lower() == b"content-type":
                found = media_type(value)
                node.kind = found or (b"text", b"plain")
                self.content_type = value if found else b""
                return

    def skip(self, outer: list[bytes]) -> tuple[int, bool] | None:
        while self.at < len(self.lines):
            stop = self.stops(outer)
            if stop is not None:
                return stop
            self.at += 1
        return None

    def parts(
        self, node: Node, outer: list[bytes], boundary: bytes
    ) -> tuple[int, bool] | None:
        inner = [*outer, boundary]
        stop = self.skip(inner)
        while stop == (len(outer), False):
            self.at += 1
            child, stop = self.entity(
                self.offset(), inner, digest=node.kind[1] == b"digest"
            )
            node.children.append(child)
        if stop == (len(outer), True):
            self.at += 1
            stop = self.skip(outer)  # the epilogue
            node.end = max(self.before(), node.body)
        elif node.children:
            node.end = node.children[-1].end
        else:
            node.end = max(self.before(), node.body)
        return stop
