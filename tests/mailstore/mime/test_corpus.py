from tests.mailstore.mime.corpus import OWN


def test_the_readme_says_what_each_message_is_for():
    readme = (OWN[0].parent / "README.md").read_text()
    rows = [
        line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")
    ]
    assert sorted(rows) == [path.name for path in OWN]
    assert len(OWN) >= 40
