"""IMAP URLs: RFC 5092, RFC 4469 and RFC 4467 in examples; whatever else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.syntax.section import Section, SectionText
from imapd.syntax.url import (
    MAX_URL,
    Authority,
    InvalidUrl,
    MessageUrl,
    UrlAuth,
    parse_url,
    quote_name,
)

TOKEN = "91354a473744909de610943775f92038"
RUMP = (
    b"imap://joe@example.com/INBOX/;uid=20/;section=1.2"
    b";expire=2006-10-30T00:00:00-08:00;urlauth=submit+fred"
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            MessageUrl(20, "Drafts", 385759045, Section((), SectionText.HEADER)),
        ),
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;Section=2.MIME",
            MessageUrl(20, "Drafts", 385759045, Section((2,), SectionText.MIME)),
        ),
        (b"/Drafts/;UID=3002", MessageUrl(3002, "Drafts")),
        (b"Drafts/;UID=3002", MessageUrl(3002, "Drafts")),
        (b";UID=20/;SECTION=1.5.9", MessageUrl(20, section=Section((1, 5, 9)))),
        (b"/;UID=20", MessageUrl(20)),
        (b"/inbox/;uid=1", MessageUrl(1, "INBOX")),
        (b"/a/b%20c/%C3%A4/;UID=1", MessageUrl(1, "a/b c/ä")),
        (b"/a&b=c:@/;UID=1", MessageUrl(1, "a&b=c:@")),
        (b"/x/;UID=1/;PARTIAL=5", MessageUrl(1, "x", offset=5)),
        (
            b"/x/;UID=1/;SECTION=1.2/;PARTIAL=0.1024",
            MessageUrl(1, "x", None, Section((1, 2)), 0, 1024),
        ),
        (
            b"/x/;UID=1/;SECTION=HEADER.FIELDS%20(DATE%20FROM)",
            MessageUrl(
                1,
                "x",
                section=Section((), SectionText.HEADER_FIELDS, (b"DATE", b"FROM")),
            ),
        ),
        (
            b"imap://;AUTH=*@Example.COM:143/x/;UID=1",
            MessageUrl(1, "x", authority=Authority(None, "example.com", 143)),
        ),
        (
            b"imap://joe%40x.org@[::1]/x/;UID=1;URLAUTH=anonymous",
            MessageUrl(
                1,
                "x",
                authority=Authority("joe@x.org", "[::1]"),
                auth=UrlAuth(
                    b"imap://joe%40x.org@[::1]/x/;UID=1;URLAUTH=anonymous", "ANONYMOUS"
                ),
            ),
        ),
        (
            RUMP + b":internal:" + TOKEN.upper().encode(),
            MessageUrl(
                20,
                "INBOX",
                section=Section((1, 2)),
                authority=Authority("joe", "example.com"),
                auth=UrlAuth(RUMP, "SUBMIT", "fred", 1162195200.0, "INTERNAL", TOKEN),
            ),
        ),
    ],
)
def test_what_names_a_message(text, url):
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"/",
        b"/INBOX",
        b"/INBOX/",
        b"/INBOX/;UID=0",
        b"/INBOX/;UID=4294967296",
        b"/INBOX/;UID=1/",
        b"/INBOX/;UID=1/;SECTION=",
        b"/INBOX/;UID=1/;SECTION=MIME",
        b"/INBOX/;UID=1/;SECTION=1]",
        b"/INBOX/;UID=1/;PARTIAL=0.0",
        b"/INBOX/;UID=1/;PARTIAL=x",
        b"/INBOX;UIDVALIDITY=0/;UID=1",
        b"/a%2/;UID=1",
        b"/a%zz/;UID=1",
        b"/a%ff/;UID=1",
        b"/a%00/;UID=1",
        b"/a*/;UID=1",
        b"/a?b/;UID=1",
        b"http://h/x/;UID=1",
        b"imap:///x/;UID=1",
        b"imap://h/;UID=1",
        b"//h/x/;UID=1",
        b"/x/;UID=1;URLAUTH=nobody",
        b"/x/;UID=1;URLAUTH=user",
        b"/x/;UID=1;URLAUTH=anonymous+fred",
        b"/x/;UID=1;EXPIRE=2006-10-30T00:00:00Z",
        b"/x/;UID=1;EXPIRE=2006-10-30T00:00:00;URLAUTH=anonymous",
        b"/x/;UID=1;EXPIRE=2006-10-30;URLAUTH=anonymous",
        b"/x/;UID=1;EXPIRE=never;URLAUTH=anonymous",
        b"/x/;UID=1:internal:" + TOKEN.encode(),
        b"/x/;UID=1;URLAUTH=anonymous:internal:" + TOKEN[:31].encode(),
        b"/x/;UID=1;URLAUTH=anonymous:internal:" + b"0" * 129,
        b"/" + b"x" * MAX_URL + b"/;UID=1",
    ],
)
def test_what_names_none_is_refused(text):
    with pytest.raises(InvalidUrl):
        parse_url(text)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20))
def test_any_name_can_be_written(name):
    name = name.replace("*", "").replace("%", "").replace("/", "").strip()
    if not name:
        return
    url = parse_url(b"/%b/;UID=1" % quote_name(name).encode())
    assert url.mailbox == ("INBOX" if name.upper() == "INBOX" else name)


PIECES = st.lists(
    st.sampled_from(
        b"/ ; UID= 1 imap:// a %41 @ : = . SECTION= PARTIAL= EXPIRE= URLAUTH= user+"
        b" \xff".split(b" ")
    ),
    max_size=14,
).map(b"".join)


@given(PIECES)
def test_any_octets_are_a_url_or_refused(text):
    try:
        parse_url(text)
    except InvalidUrl:
        return
