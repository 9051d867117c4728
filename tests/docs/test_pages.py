"""Pages as such: links lead somewhere, nothing is lost, examples are real."""

from __future__ import annotations

import os
import re
import shlex
import tomllib

import click
import pytest

from imapd.cli import COMMANDS, main
from imapd.config import parse_config
from tests.docs.pages import DOCS, ROOT, Page, page, pages

PAGES = pages()
_COMMAND = re.compile(r"^(?:\$ )?(?:sudo -u imapd )?(?:\S*/)?imapd (.+)$", re.MULTILINE)


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.place)
def test_links_lead_somewhere(one: Page):
    for link in one.links():
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (one.path.parent / name).resolve() if name else one.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(target).anchors(), link


def test_every_page_is_reached_from_the_first():
    seen, left = set(), [DOCS / "index.md"]
    while left:
        path = left.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        left += [
            (path.parent / link.partition("#")[0]).resolve()
            for link in Page(path).links()
            if "://" not in link
        ]
    lost = {one.place for one in PAGES if one.path not in seen}
    assert lost - {"CHANGELOG.md"} == set()


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.place)
def test_a_page_begins_with_its_title(one: Page):
    assert re.match(r"# \S", one.text)
    assert len(re.findall(r"^# ", one.prose, re.MULTILINE)) == 1


def command_lines(one: Page) -> list[str]:
    """Give the command lines of imapd in a page's examples."""
    found = []
    for block in one.blocks("text", "console", "sh", "ini"):
        joined = block.replace("\\\n", " ").replace("ExecStart=", "")
        found += _COMMAND.findall(joined)
    return found


@pytest.mark.parametrize(
    "one", [one for one in PAGES if command_lines(one)], ids=lambda one: one.place
)
def test_command_lines_in_examples_exist(one: Page):
    """Subcommands and options are those of the program; pages made of it aside."""
    if one.path == DOCS / "reference" / "cli.md":
        return
    context = click.Context(main)
    for line in command_lines(one):
        words = shlex.split(line.partition(" #")[0])
        assert words[0] in COMMANDS, line
        command = main.get_command(context, words.pop(0))
        while isinstance(command, click.Group):
            command = command.get_command(context, words.pop(0))
        assert command is not None, line
        known = {
            name
            for param in command.params
            for name in (*param.opts, *param.secondary_opts)
        }
        wanted = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert wanted <= known, line


def test_examples_of_configuration_are_understood():
    count = 0
    for one in PAGES:
        for block in one.blocks("toml"):
            count += 1
            text = block
            if "[tls]" not in block:
                text += '\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
            tomllib.loads(text)
            parse_config(text, ROOT / "imapd.toml")
    assert count


def test_the_example_in_the_readme_runs():
    blocks = list(Page(ROOT / "README.md").blocks("python"))
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_the_commands_of_the_readme_are_there():
    readme = Page(ROOT / "README.md")
    first, *_ = commands = [
        line[2:]
        for block in readme.blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    assert first == "./run"
    assert "./check" in commands
    for name in ("run", "check", ".ci/run", ".ci/install"):
        assert os.access(ROOT / name, os.X_OK), name


def test_the_unit_starts_what_there_is():
    (unit,) = page("howto/deploy.md").blocks("ini")
    for line in ("NoNewPrivileges=true", "ProtectSystem=strict", "UMask=0077"):
        assert line in unit
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit


def test_decisions_are_numbered_without_a_gap():
    files = sorted((DOCS / "decisions").glob("0*.md"))
    numbers = [int(file.name[:4]) for file in files]
    assert numbers == list(range(1, len(files) + 1))
    listed = page("decisions/README.md").rows("number", "decision", "status")
    for file, (number, title, status) in zip(files, listed, strict=True):
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {file.name[:4]}: {title}\n")
        assert file.name[:4] in number
        assert f"Status: {status.split(',')[0]}" in text
        for heading in ("Context", "Options", "Decision", "Consequences"):
            assert f"\n## {heading}\n" in text
