"""The configuration: what is read, what is refused and with which words."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imapd.config import (
    Config,
    ConfigError,
    Listen,
    as_data,
    as_toml,
    commented_default,
    load,
    parse_config,
    read_address,
    reference_page,
    write_address,
)
from imapd.config.lines import find_lines
from imapd.config.namespaces import NamespaceSettings
from imapd.config.settings import TABLES, settings_of
from imapd.session.limits import Limits

FILE = Path("/etc/imapd/imapd.toml")
TLS = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "config.md"


def problems(text: str, **options: object) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, FILE, **options)  # type: ignore[arg-type]
    return [(problem.line, problem.text) for problem in caught.value.problems]


def test_an_empty_file_is_the_default_but_for_the_certificate():
    config = parse_config(TLS, FILE)
    assert config.listen == Config().listen
    assert config.limits == Limits()
    assert config.store.path == Path("/etc/imapd/store")
    assert config.tls.certificate == Path("/etc/imapd/c.pem")
    assert config.path == FILE


def test_every_fixed_key_is_read():
    config = parse_config(
        """
        [store]
        path = "/srv/mail"
        [[listen]]
        protocol = "imap"
        address = "[::1]:0"
        tls = "none"
        [auth]
        allow_plaintext_without_tls = true
        [limits]
        message = 1000
        [log]
        level = "debug"
        commands = true
        format = "json"
        file = "log/imapd.log"
        [server]
        workers = 3
        name = "mail.example"
        [features]
        off = ["IDLE"]
        """,
        FILE,
    )
    assert config.store.path == Path("/srv/mail")
    assert config.listen == (Listen(address=("::1", 0), tls="none"),)
    assert config.auth.allow_plaintext_without_tls
    assert config.limits.message == 1000
    assert config.log.file == Path("/etc/imapd/log/imapd.log")
    assert (config.server.workers, config.server.name) == (3, "mail.example")
    assert config.features.off == ("IDLE",)
    assert not config.needs_certificate


NONE = '[[listen]]\naddress = "h:1"\ntls = "none"\n'

LMTP = "[[listen]]\nprotocol = 'lmtp'\naddress = 'unix:x'\n"
KEYS = "[tls]\ncertificate = 'c'\nkey = 'k'\n"
REFUSED = [
    ("[store\n", None, "no valid TOML"),
    ("[stroe]\n", 1, "unknown table [stroe]; did you mean store?"),
    ("\nfoo = 1\n", 2, "unknown table [foo]"),
    ("[store]\npth = 'x'\n", 2, "[store] unknown key pth; did you mean path?"),
    ("[limits]\nmesage=1\n", 2, "[limits] unknown key mesage; did you mean message?"),
    ("[store]\npath = 1\n", 2, "[store] path: a path wanted, not 1"),
    ("[store]\npath = ''\n", 2, "[store] path: a path wanted, not ''"),
    ("[limits]\nmessage = 0\n", 2, "a whole number from 1 wanted, not 0"),
    ("[limits]\nmessage = true\n", 2, "a whole number from 1 wanted, not True"),
    ("[auth]\nbcrypt_cost = 40\n", 2, "a whole number from 4 to 17 wanted, not 40"),
    ("[log]\nlevel = 'loud'\n", 2, '"error" or "warning" or "info" or "debug" wanted'),
    ("[log]\ncommands = 1\n", 2, "true or false wanted, not 1"),
    ("[features]\noff = 'IDLE'\n", 2, "a list of names wanted"),
    ("[features]\noff = [1]\n", 2, "a list of names wanted"),
    ("[server]\nname = 'a\\r\\nb'\n".replace("'", '"'), 2, "printable ASCII"),
    ("[[listen]]\naddress = 'x'\n", 2, '"host:port", an IPv6 address in brackets'),
    ("[[listen]]\naddress = 'x:99999'\n", 2, '"host:port"'),
    ("[[listen]]\naddress = '::1:99'\n", 2, '"host:port"'),
    ("[[listen]]\naddress = 'unix:'\n", 2, 'or "unix:path"'),
    ("[[listen]]\naddress = 'unix:x'\ntls = 'none'\n", 2, "no unix socket"),
    (LMTP + "tls = 'implicit'\n" + KEYS, 3, 'a unix socket wants tls = "none"'),
    (LMTP + "tls = 'none'\nallow_from = ['::1']\n", 3, "no proxy_from, no allow"),
    (LMTP + "socket_mode = '999'\n", 4, "permissions in octal"),
    ("[[listen]]\ntls = 'none'\n", 1, "[[listen]] address is missing"),
    ("listen = []\n", 1, "the server would be deaf"),
    ("listen = 1\n", 1, "[[listen]] is a list of tables"),
    ("store = 1\n", 1, "[store] is a table"),
    (NONE + NONE, 5, "address h:1 is there twice"),
    ("[[listen]]\naddress = 'h:1'\n", 1, "certificate and key are missing"),
    (NONE + "[tls]\nkey = 'k'\n", 4, "wants both certificate and key"),
]


@pytest.mark.parametrize(("text", "line", "words"), REFUSED)
def test_what_is_wrong_is_told_with_its_line(text, line, words):
    found = problems(text)
    assert [at for at, _ in found] == [line]
    assert words in found[0][1]


def test_all_problems_are_told_at_once_in_order():
    text = "[stroe]\n[limits]\nmessage = 0\nline = 1\n[tls]\nkeys = 2\n"
    assert [line for line, _ in problems(text)] == [1, 3, 4, 6]


def test_the_error_names_the_file_and_the_lines():
    with pytest.raises(ConfigError) as caught:
        parse_config("\n[limit]\n", FILE)
    assert str(caught.value) == (
        "/etc/imapd/imapd.toml:2: unknown table [limit]; did you mean limits?"
    )


def test_an_unknown_feature_is_refused_with_the_nearest_name():
    text = NONE + "[features]\noff = ['idel']\n"
    assert problems(text, feature_names=["IDLE", "MOVE"]) == [
        (5, "[features] off: unknown feature idel; did you mean IDLE?")
    ]
    parse_config(NONE + "[features]\noff = ['Idle']\n", FILE, feature_names=["IDLE"])


def test_a_file_that_cannot_be_read_is_no_traceback(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(tmp_path / "latin.toml")


def test_the_commented_default_is_valid_and_says_nothing_but_defaults():
    text = commented_default(store="store", certificate="c.pem", key="k.pem")
    config = parse_config(text, FILE)
    assert config == parse_config(TLS + "[store]\npath = 'store'\n", FILE)
    for table in TABLES:
        for setting in settings_of(table):
            assert setting.key in text


def test_uncommenting_everything_changes_nothing():
    text = commented_default(certificate="c.pem", key="k.pem")
    lines = [
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in text.splitlines()
    ]
    assert parse_config("\n".join(lines), FILE) == parse_config(text, FILE)


def test_what_is_shown_can_be_read_again(tmp_path):
    text = commented_default(certificate="c.pem", key='k".pem')
    config = parse_config(text, tmp_path / "x.toml")
    assert parse_config(as_toml(config), tmp_path / "x.toml") == config
    assert as_data(config)["listen"] == [
        {
            "protocol": "imap",
            "address": f"127.0.0.1:{port}",
            "tls": tls,
            "proxy_from": [],
            "allow_from": [],
            "socket_mode": "0660",
            "socket_group": "",
        }
        for port, tls in ((1143, "starttls"), (1993, "implicit"))
    ]


def test_every_setting_is_explained():
    for table in TABLES:
        for setting in settings_of(table):
            assert len(setting.doc) > 10, setting
            assert setting.wanted.text


def test_the_reference_page_is_up_to_date():
    """`python -m imapd.config > docs/reference/config.md` makes it."""
    assert PAGE.read_text("utf-8") == reference_page()


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:143", ("127.0.0.1", 143)), ("[::1]:0", ("::1", 0)), ("a:1", ("a", 1))],
)
def test_addresses_are_read_and_written(text, address):
    assert read_address(text) == address
    assert write_address(*address) == text


TRICKY = '''
# [not]
a = 1 # [neither]
b.c = """
[no]
x = 1
""" # c
d = [ # [
  "]", '[', """
]""",
]
"quoted key" = 'x'
e = {f = {g = 1}}
h = """a"""""
[t."u.v".w]
k = 1
[[arr]]
k = 1
[arr.sub]
k = 2
[[arr]]
k = 3
[[arr.inner]]
z = 4
'''


def test_lines_are_found_in_tricky_toml():
    tomllib.loads(TRICKY)
    lines = find_lines(TRICKY)
    assert lines.places[("a",)] == 3
    assert lines.places[("b", "c")] == 4
    assert lines.places[("d",)] == 8
    assert lines.places[("quoted key",)] == 12
    assert lines.of(("e", "f", "g")) == 13
    assert lines.places[("h",)] == 14
    assert lines.places[("t", "u.v", "w", "k")] == 16
    assert lines.places[("arr", 0, "k")] == 18
    assert lines.places[("arr", 0, "sub", "k")] == 20
    assert lines.places[("arr", 1)] == 21
    assert lines.places[("arr", 1, "k")] == 22
    assert lines.places[("arr", 1, "inner", 0, "z")] == 24
    assert lines.of(("nowhere",)) is None


_VALUES = st.sampled_from(
    ['"a"', "'b'", "1", "[1, 2]", "[\"]\", '[']", '"""\nx = 1\n[y]\n"""', "{a = 1}"]
)
_KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e'", "f.g"])


@given(st.lists(st.tuples(_KEYS, _VALUES, st.sampled_from(["", " # c", "\n"]))))
def test_every_key_is_found_on_the_line_where_it_was_written(entries):
    text, expected, used = "", [], set()
    for index, (key, value, after) in enumerate(entries):
        text += f"[table{index}]\n"
        line = text.count("\n") + 1
        text += f"{key} = {value}{after}\n"
        path = tuple(part.strip("\"'") for part in key.split("."))
        expected.append(((f"table{index}", *path), line))
        used.add(key)
    tomllib.loads(text)
    lines = find_lines(text)
    for path, line in expected:
        assert lines.places[path] == line


@example("", "~0")  # the home folder of somebody who isn't there
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_config_or_a_config_error(key, value):
    """Nothing else than `ConfigError` may leave the reader."""
    for text in (key, f"[store]\n{key} = {value}", f"[store]\npath = '''{value}'''"):
        with suppress(ConfigError):
            parse_config(text, FILE)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('other_users = "a/b"', "one level"),
        ('shared = "inbox"', "one level"),
        ('shared = "x*"', "one level"),
        ("shared = 1", "one level"),
        ('shared = "People"\nother_users = "People"', "have one name"),
    ],
)
def test_namespaces_are_levels_that_differ(text, wrong):
    ((line, told),) = problems(f"{TLS}[namespaces]\n{text}\n")
    assert line is not None
    assert wrong in told


def test_namespaces_may_be_switched_off():
    settings = NamespaceSettings("", "")
    assert settings.differ
    assert not NamespaceSettings("a", "a").differ
