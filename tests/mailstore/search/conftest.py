"""A store of one account for each test, whose text index is filled by hand."""

from __future__ import annotations

import pytest

from tests.mailstore.stores import Home


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()
