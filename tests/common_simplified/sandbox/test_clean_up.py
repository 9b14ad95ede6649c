"""A program's folder after it: emptied, in bounded time, and nothing outside it touched."""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common_simplified import sandbox
from common_simplified.sandbox import Isolation, SandboxLimits, isolation, pool, run_program
from common_simplified.sandbox.inside.clean_up import empty_folder

NEXT = "def f(x):\n    return x + 1\n"
TESTS = ["assert f(1) == 2"]
LEVELS = {"limits": Isolation(None, 0, False), "found": isolation()}
if isolation().bubblewrap:
    LEVELS["without bubblewrap"] = Isolation(None, isolation().landlock, isolation().seccomp)
PATIENCE = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A program's folder; emptied in the end, since pytest's removal goes into no depth."""
    (tmp_path / "own").mkdir()
    yield tmp_path / "own"
    assert empty_folder(str(tmp_path / "own"), PATIENCE)


def make_deep(folder: Path, n: int) -> None:
    """Folders in folders, deeper than a path can tell."""
    parent = os.open(folder, os.O_RDONLY)
    for _ in range(n):
        os.mkdir("x" * 100, dir_fd=parent)
        child = os.open("x" * 100, os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent = child
    os.close(parent)


def test_all_that_a_program_can_leave_is_removed(folder: Path) -> None:
    make_deep(folder, 1500)
    (folder / "locked" / "within").mkdir(parents=True)
    (folder / "locked" / "file").touch()
    (folder / "read only" / "within").mkdir(parents=True)
    (folder / "with files").mkdir()
    for place in (folder, folder / "with files"):
        for n in range(50):
            (place / str(n)).touch()
        os.mkfifo(place / "pipe")
        (place / "dangling").symlink_to("nowhere")
    (folder / "read only").chmod(0o500)
    (folder / "locked").chmod(0)
    folder.chmod(0o500)
    assert empty_folder(str(folder), PATIENCE)
    assert list(folder.iterdir()) == []


def test_links_are_removed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (outside / "canary").touch()
    (folder / "in").mkdir()
    for place in (folder, folder / "in"):
        (place / "folder").symlink_to(outside)
        (place / "file").symlink_to(outside / "canary")
        os.link(outside / "canary", place / "hard")
    assert empty_folder(str(folder), PATIENCE)
    assert (outside / "canary").stat().st_nlink == 1
    assert outside.stat().st_mode & 0o777 == 0o500
    (folder / "link").symlink_to(outside)
    assert not empty_folder(str(folder / "link"), PATIENCE)
    assert (outside / "canary").exists()


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "in").mkdir(parents=True, mode=0o500)
    (outside / "canary").touch()
    outside.chmod(0o500)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for name in ("a", "b"):
                try:
                    os.mkdir(folder / name, 0o300)
                    os.rename(folder / name, folder / f"{name}-away")
                    os.symlink(outside, folder / name)
                except OSError:
                    continue

    swapping = threading.Thread(target=swap)
    swapping.start()
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        empty_folder(str(folder), 0.1)
    over.set()
    swapping.join()
    assert sorted(path.name for path in outside.iterdir()) == ["canary", "in"]
    assert outside.stat().st_mode & 0o777 == 0o500


def test_it_ends_in_time_and_the_next_call_goes_on(folder: Path) -> None:
    make_deep(folder, 1500)
    for n in range(1500):
        (folder / str(n)).touch()
    assert not empty_folder(str(folder), 0.0)
    begin = time.process_time()
    calls = 0
    while not empty_folder(str(folder), 0.002):
        calls += 1
    assert calls > 3
    assert time.process_time() - begin < PATIENCE
    assert list(folder.iterdir()) == []


DEEP = "import os\nwhile True:\n    os.mkdir('x' * 200)\n    os.chdir('x' * 200)\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing stops it in time")
@pytest.mark.parametrize("level", LEVELS)
def test_a_verdict_does_not_wait_for_what_a_program_has_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(pool, "isolation", lambda: LEVELS[level])
    own = pool.Pool()
    monkeypatch.setattr(sandbox, "POOL", own)
    assert run_program(NEXT, TESTS).passed
    begin = time.monotonic()
    result = run_program(DEEP, TESTS, limits=SandboxLimits(timeout_seconds=0.5))
    assert time.monotonic() - begin < 1.5
    assert result.outcome == "timeout"
    # The next program finds an empty folder, and in the end nothing is left.
    assert run_program("import os\nassert os.listdir() == []\n" + NEXT, TESTS).passed
    own.close()
    deadline = time.monotonic() + PATIENCE
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
