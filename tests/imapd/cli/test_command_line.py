"""The command line as a whole: help, options, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imapd import __version__
from imapd.cli import COMMANDS, main, run
from imapd.cli.exits import MEANINGS, Exit

TLS = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
PLAIN = '[[listen]]\naddress = "127.0.0.1:0"\ntls = "none"\n'


def imapd(*arguments: str, **options: object) -> Result:
    return CliRunner().invoke(main, list(arguments), **options)  # type: ignore[arg-type]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "imapd.toml"
    path.write_text(PLAIN)
    return path


def test_help_and_version_load_no_machinery():
    program = (
        "import sys\n"
        "from imapd.cli import run\n"
        "assert run(sys.argv[1:]) == 0\n"
        "heavy = {'twisted', 'apsw', 'bcrypt', 'OpenSSL', 'cryptography'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", program, option],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_help_lists_every_subcommand():
    out = imapd("--help").output
    for name, (_, text) in COMMANDS.items():
        assert name in out
        assert text in out


def test_version():
    assert imapd("--version").output == f"imapd, version {__version__}\n"


def test_an_unknown_subcommand_or_option_is_a_usage_error(capsys):
    assert run(["nonsense"]) == Exit.USAGE
    assert run(["serve", "--nonsense"]) == Exit.USAGE
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["before", "between", "behind", "environment"])
def test_the_configuration_may_be_named_anywhere(config, where, monkeypatch):
    words = ["config", "show"]
    if where == "environment":
        monkeypatch.setenv("IMAPD_CONFIG", str(config))
    else:
        at = {"before": 0, "between": 1, "behind": 2}[where]
        words[at:at] = ["--config", str(config)]
    done = imapd(*words)
    assert done.exit_code == 0, done.output
    assert 'address = "127.0.0.1:0"' in done.output


def test_the_innermost_configuration_wins(config, tmp_path):
    done = imapd(
        "--config", str(tmp_path / "no"), "config", "show", "--config", str(config)
    )
    assert done.exit_code == 0


def test_the_usual_places_are_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAPD_CONFIG", raising=False)
    done = imapd("config", "show")
    assert done.exit_code == Exit.CONFIG
    assert "neither --config nor IMAPD_CONFIG" in done.output
    (tmp_path / "var" / "imapd").mkdir(parents=True)
    (tmp_path / "var" / "imapd" / "imapd.toml").write_text(
        PLAIN + "[server]\nworkers = 7\n"
    )
    assert "workers = 7" in imapd("config", "show").output
    (tmp_path / "imapd.toml").write_text(PLAIN + "[server]\nworkers = 8\n")
    assert "workers = 8" in imapd("config", "show").output


def test_show_prints_what_can_be_read_again(config, tmp_path):
    shown = imapd("config", "show", "--config", str(config)).output
    (tmp_path / "again.toml").write_text(shown)
    again = imapd("config", "show", "--config", str(tmp_path / "again.toml")).output
    assert again == shown


def test_show_as_json(config):
    done = imapd("config", "show", "--json", "--config", str(config))
    data = json.loads(done.output)
    assert data["listen"][0]["tls"] == "none"
    assert data["store"]["path"] == str(config.parent / "store")


def test_a_wrong_configuration_has_its_exit_code(config):
    config.write_text("[stroe]\n")
    done = imapd("config", "show", "--config", str(config))
    assert done.exit_code == Exit.CONFIG
    assert f"imapd: {config}:1: unknown table [stroe]" in done.output


def test_exit_codes_are_explained():
    assert set(MEANINGS) == set(Exit)
    assert [code.value for code in Exit] == list(range(len(Exit)))
