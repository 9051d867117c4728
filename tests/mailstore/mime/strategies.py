"""Messages for hypothesis: lines that matter to a scanner, in any order."""

from __future__ import annotations

from hypothesis import strategies as st

_BOUNDARIES = (b"a", b"b", b"a--", b"a b")
_TYPES = (
    b"multipart/mixed; boundary=a",
    b'multipart/alternative; boundary="b"',
    b'multipart/digest; boundary="a--"',
    b"multipart/mixed; boundary*0=a; boundary*1=' b'",
    b"multipart/mixed",
    b"message/rfc822",
    b"message/global",
    b"text/html; charset=utf-8",
    b"text",
    b"image/png; name=x.png",
)
_LINES = st.one_of(
    st.sampled_from([b"--" + name for name in _BOUNDARIES]),
    st.sampled_from([b"--" + name + b"--" for name in _BOUNDARIES]),
    st.sampled_from([b"Content-Type: " + kind for kind in _TYPES]),
    st.sampled_from([b"Content-Type: multipart/mixed; boundary=a", b"--a", b""]),
    st.sampled_from(
        [
            b"",
            b"",
            b"--a  \t",
            b"--a \r",
            b"--ax",
            b"-- ",
            b" folded",
            b"\tboundary=b",
            b"Subject: =?utf-8?Q?=C3=A9?= \xe9",
            b'From: "a, b" <c@d>, e@f (g), h:;',
            b"To: a:b@c,",
            b"Content-Transfer-Encoding: base64",
            b"Content-Disposition: attachment; filename*0*=utf-8''%41; filename*1=b",
            b"Content-Language: en, de",
            b"Content-ID: <\x00>",
            b"no field",
            b"\x00\r",
            b"--" + b"x" * 300,
        ]
    ),
    st.binary(max_size=6),
)
_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\n"])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Draw a message with much structure, little of it right."""
    lines = draw(st.lists(st.tuples(_LINES, _ENDS), max_size=25))
    last = draw(st.sampled_from([b"", b"--a", b"--a--", b"\r", b"x"]))
    return b"".join(line + end for line, end in lines) + last


_HEADER_TEXT = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b'"', b"\\", b"<", b">", b"@", b",", b";", b":", b"(", b")", b"[", b"]",
            b" ", b"\t", b"\r\n ", b"=?utf-8?Q?", b"?=", b"=?", b"*0*=", b"''", b"%",
            b"a", b"a@b", b"A <a@b>, ", b"=", b"; x=y", b"\x00", b"\xff", b".",
        ]
    ),
)  # fmt: skip
values = st.lists(_HEADER_TEXT, max_size=15).map(b"".join)
