"""What only looks or writes down imports no model libraries, which take seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.config import REPOSITORY_ROOT

RUN = str(REPOSITORY_ROOT / "run.py")
HEAVY = {"torch", "transformers", "sae_lens", "accelerate"}
# What draws or reads tables; told apart, since `select` and `report` draw.
TABLES_AND_PICTURES = {"pandas", "matplotlib", "scipy", "statsmodels", "radon"}


def imported(*arguments: str) -> set[str]:
    """The packages that a Python process imports, which has to succeed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY_ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "encodings" in names
    return names


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("list",)])
def test_what_is_known_without_settings_reads_none(arguments: tuple[str, ...]) -> None:
    assert not imported(RUN, *arguments) & (HEAVY | TABLES_AND_PICTURES | {"pydantic", "numpy"})


def test_status_reads_settings_and_files_alone(finished: Path) -> None:
    found = imported(RUN, "status", "--data-dir", str(finished))
    assert "pydantic" in found
    assert not found & (HEAVY | TABLES_AND_PICTURES | {"numpy"})


@pytest.mark.long
def test_a_report_draws_all_pictures_anew(finished: Path) -> None:
    pictures = [path for path in finished.rglob("*.*") if path.suffix in {".png", ".pdf", ".svg"}]
    assert len(pictures) > 8
    for path in pictures:
        path.unlink()
    found = imported(RUN, "report", "--data-dir", str(finished))
    assert {"phase4_5", "matplotlib"} <= found
    assert not found & HEAVY
    for path in pictures:
        assert path.stat().st_size > 5_000, path.name


def test_a_report_computes_no_model(finished: Path) -> None:
    found = imported("-m", "tests.without_pictures", "report", "--data-dir", str(finished))
    assert "phase4_5" in found
    assert not found & HEAVY


def test_a_choice_needs_no_model(finished: Path) -> None:
    arguments = ("select", "--correct", "10", "--rationale", "to see", "--data-dir", str(finished))
    found = imported("-m", "tests.without_pictures", *arguments)
    assert "phase4_5" in found
    assert not found & HEAVY


def test_a_choice_is_read_without_models_tables_and_pictures(finished: Path) -> None:
    script = (
        "from phase4_5 import load_selected_coefficients; "
        f"load_selected_coefficients({str(finished / 'phase4_5/selected_coefficients.json')!r})"
    )
    assert not imported("-c", script) & (HEAVY | TABLES_AND_PICTURES)


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    script = (
        "import run; "
        f"run.main(['status', '--data-dir', {str(tmp_path)!r}]); "
        f"file = open({str(tmp_path / 'number')!r}, 'w'); "
        "file.write(str(file.fileno()))"
    )
    closed = 'exec "$0" -c "$1" <&- >&- 2>&-'
    subprocess.run(
        ["sh", "-c", closed, sys.executable, script], cwd=REPOSITORY_ROOT, timeout=60, check=False
    )
    assert int((tmp_path / "number").read_text()) > 2
