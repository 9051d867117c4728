"""The page about the command line is the command line."""

from pathlib import Path

from imapd.cli.reference import reference_page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_page_is_up_to_date():
    """`python -m imapd.cli.reference > docs/reference/cli.md` makes it."""
    assert PAGE.read_text("utf-8") == reference_page()
