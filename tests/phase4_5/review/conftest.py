"""What the tests of the review share: a finished run, and its review over real HTTP."""

import pytest

from phase4_5.review.server import review_server


@pytest.fixture
def folder(finished):
    return finished / "phase4_5"


@pytest.fixture
def server(folder):
    with review_server(folder, "Ada") as server:
        yield server
