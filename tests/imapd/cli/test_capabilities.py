"""``imapd capabilities``: what is on."""

from __future__ import annotations

import json

from click.testing import CliRunner

from imapd import __version__
from imapd.cli import main
from imapd.features import ALL


def run(*arguments: str, cwd=None):
    return CliRunner().invoke(main, ["capabilities", *arguments])


def test_every_feature_is_told_with_its_rfc_and_since_when(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAPD_CONFIG", raising=False)
    done = run()
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == len(ALL)
    for line, feature in zip(lines, ALL, strict=True):
        words = line.split()
        assert words[:2] == ["on", feature.name]
        assert f"since {feature.since}" in line
        assert all(number in line for number in feature.rfc)
        assert all(capability.text in words for capability in feature.capabilities)


def test_what_the_configuration_switches_off_is_off(tmp_path):
    file = tmp_path / "imapd.toml"
    file.write_text(
        '[features]\noff = ["IDLE"]\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
    )
    done = run("--json", "--config", str(file))
    assert done.exit_code == 0, done.output
    rows = {row["feature"]: row for row in json.loads(done.output)}
    assert rows["IDLE"] == {
        "feature": "IDLE",
        "on": False,
        "rfc": ["2177"],
        "since": __version__,
        "capabilities": ["IDLE"],
        "commands": ["IDLE"],
    }
    assert all(row["on"] for name, row in rows.items() if name != "IDLE")


def test_a_configuration_that_is_wrong_is_told(tmp_path):
    file = tmp_path / "imapd.toml"
    file.write_text("[features]\nof = []\n")
    assert run("--config", str(file)).exit_code == 3


def test_no_feature_is_from_the_future():
    def parts(version: str) -> tuple[int, ...]:
        return tuple(map(int, version.split(".")))

    assert all(parts(feature.since) <= parts(__version__) for feature in ALL)
