"""What the tests of hostile programs share."""

import contextlib
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("hostile_checks")

from hostile_programs import LINUX  # noqa: E402
from sentinels import Sentinels  # noqa: E402


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels | None]:
    """Nothing where the sandbox can't isolate either."""
    if not LINUX:
        yield None
        return
    with contextlib.ExitStack() as undo:
        yield Sentinels(tmp_path_factory.mktemp("hostile"), undo)
