"""``imapd init``: a folder with all that a server needs."""

import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner

from imapd.cli import main
from imapd.cli.exits import Exit
from imapd.cli.init import make_home
from imapd.config import load


def init(folder: Path):
    return CliRunner().invoke(main, ["init", str(folder)])


def test_a_new_server_has_a_store_a_configuration_and_a_certificate(tmp_path):
    folder = tmp_path / "a" / "b"
    done = init(folder)
    assert done.exit_code == 0, done.output
    config = load(folder / "imapd.toml")
    assert config.store.path == folder / "store"
    assert config.tls.certificate is not None
    ssl.create_default_context(cafile=str(config.tls.certificate))
    assert (folder / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600
    assert (folder / "imapd.toml").stat().st_mode & 0o777 == 0o600
    assert (folder / "store").stat().st_mode & 0o777 == 0o700
    assert str(folder / "imapd.toml") in done.output


def test_the_new_configuration_passes_its_check(tmp_path):
    init(tmp_path)
    done = CliRunner().invoke(
        main, ["config", "check", "--config", str(tmp_path / "imapd.toml")]
    )
    assert done.exit_code == 0, done.output


def test_what_is_there_stays(tmp_path):
    init(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    done = init(tmp_path)
    assert done.exit_code == Exit.NAME
    assert "imapd.toml exists" in done.output
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


def test_a_start_that_was_interrupted_is_completed(tmp_path):
    init(tmp_path)
    key = (tmp_path / "tls" / "key.pem").read_bytes()
    (tmp_path / "imapd.toml").unlink()
    make_home(tmp_path)
    assert (tmp_path / "tls" / "key.pem").read_bytes() == key
    (tmp_path / "tls" / "key.pem").unlink()
    make_home(tmp_path)
    assert (tmp_path / "tls" / "key.pem").read_bytes() != key


def test_a_folder_that_cannot_be_made_is_no_traceback(tmp_path):
    (tmp_path / "file").write_text("")
    done = init(tmp_path / "file" / "below")
    assert done.exit_code in (Exit.FAILED, Exit.USAGE)
    assert "Traceback" not in done.output


@pytest.mark.parametrize("wrong", ["[stroe]\n", "[tls]\nkey = 'tls/none.pem'\n"])
def test_check_tells_what_is_wrong(tmp_path, wrong):
    init(tmp_path)
    file = tmp_path / "imapd.toml"
    file.write_text(file.read_text().replace("[log]\n", wrong.split("\n")[0] + "\n"))
    done = CliRunner().invoke(main, ["config", "check", "--config", str(file)])
    assert done.exit_code == Exit.CONFIG
    assert str(file) in done.output
