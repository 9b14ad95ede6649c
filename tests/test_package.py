"""The package as somebody else has it: built, installed, and used from another folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from forked_door import ForkedDoor
from packaging.requirements import Requirement

from common.config import REPOSITORY_ROOT
from common.project import project_version

PROJECT = tomllib.loads((REPOSITORY_ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = (
    "common",
    "common_simplified",
    "embedded",
    "phase2_5_simplified",
    "phase3_5",
    "phase3_6",
    "phase4_5",
)

OURS = (*PACKAGES, "run")

Python = Callable[..., subprocess.CompletedProcess[str]]
Forked = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed; it lies in somebody else's git repository."""
    repository = tmp_path_factory.mktemp("their_repository")
    folder, wheels = repository / "site", tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, check=True, capture_output=True, cwd=REPOSITORY_ROOT)
    (wheel,) = wheels.iterdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True, capture_output=True)
    commit_all(repository)
    return folder


def commit_all(repository: Path) -> None:
    """Make a git repository of a folder, with one commit."""
    identity = ["-c", "user.name=them", "-c", "user.email=them@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "theirs"]):
        subprocess.run(["git", "-C", str(repository), *identity, *command], check=True)


@pytest.fixture
def python(site: Path, tmp_path: Path) -> Python:
    """Runs Python where only the installed package can be found, in an empty folder."""

    def run_it(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    return run_it


@pytest.fixture
def forked(site: Path, tmp_path: Path) -> Forked:
    """The same for code, in a fork that has other people's libraries already, and none of ours."""

    def is_here(module: ModuleType) -> bool:
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), "")
        return Path(file).is_relative_to(REPOSITORY_ROOT) and sys.prefix not in file

    def be_elsewhere() -> None:
        for name in [name for name, module in sys.modules.items() if is_here(module)]:
            del sys.modules[name]
        here = ("", str(REPOSITORY_ROOT), str(REPOSITORY_ROOT / "tests"))
        sys.path[:] = [str(site), *(path for path in sys.path if path not in here)]
        os.chdir(tmp_path)

    def run_it(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        def work() -> None:
            be_elsewhere()
            sys.argv = ["-c", *arguments]
            exec(code, {"__name__": "__main__"})

        with ForkedDoor(*arguments, work=work) as door:
            ended: subprocess.CompletedProcess[str] = door.end()
        return ended

    return run_it


def test_all_of_a_package_is_installed_and_typed(site: Path) -> None:
    for package in PACKAGES:
        here = {
            path.relative_to(REPOSITORY_ROOT)
            for path in (REPOSITORY_ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert Path(package, "py.typed") in here
        assert [path for path in here if not (site / path).is_file()] == []
    assert (site / "run.py").is_file()
    assert not (site / "tests").exists() and not (site / "data").exists()


def test_it_is_imported_from_another_folder_and_finds_the_embedded_model(
    forked: Forked, site: Path
) -> None:
    done = forked(
        "import json, sys, phase4_5\n"
        "from common.config import load_config, resolve_path\n"
        "from common.environment import describe_environment\n"
        "from common_simplified.helpers import evaluate_code\n"
        "from common_simplified.model_loader import load_model_and_tokenizer\n"
        "config = load_config()\n"
        "model, tokenizer = load_model_and_tokenizer(config.model_name, 'cpu')\n"
        "paths = [config.sae_source, config.problems_path, config.plain_text_path]\n"
        "print(json.dumps({\n"
        "    'home': phase4_5.__file__, 'layers': model.config.num_hidden_layers,\n"
        "    'found': [str(resolve_path(path)) for path in paths],\n"
        "    'not ours': str(resolve_path('phase4_5/report')),\n"
        "    'verdicts': [evaluate_code(f'def f(): return {n}', ['assert f() == 1'])\n"
        "                 for n in (1, 2)],\n"
        "    'commit': describe_environment()['commit'],\n"
        "    'ours': [str(module.__file__) for name, module in sys.modules.items()\n"
        f"             if name.split('.')[0] in {OURS}],\n"
        "}))",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert len(seen["ours"]) > 10 and all(file.startswith(f"{site}/") for file in seen["ours"])
    assert seen["home"] == str(site / "phase4_5/__init__.py")
    assert seen["layers"] == 4
    found = ("embedded/saes", "embedded/problems.jsonl", "embedded/plain_text.txt")
    assert seen["found"] == [str(site / path) for path in found]
    # Beside an installed package are other people's.
    assert seen["not ours"] == "phase4_5/report"
    assert seen["verdicts"] == [True, False]
    # A commit of the repository in which it happens to lie would say nothing of this project.
    assert seen["commit"] is None


def test_the_door_opens_as_a_module_and_as_a_command(
    python: Python, forked: Forked, site: Path
) -> None:
    as_module = "runpy.run_module('run', run_name='__main__', alter_sys=True)"
    command = str(site / "bin/pva-steering")
    as_command = f"runpy.run_path({command!r}, run_name='__main__')"
    for call, code in ((["-m", "run"], as_module), ([command], as_command)):
        assert python(*call, "--version").stdout == f"pva-steering {project_version()}\n"
        assert python(*call, "list").stdout.startswith("2.5 ")
        # These import numpy and matplotlib.
        status = forked(f"import runpy; {code}", "status")
        assert status.stdout.startswith("2.5  data/phase2_5  not done")
        wrong = forked(f"import runpy; {code}", "report")
        assert wrong.returncode == 2
        assert wrong.stderr.count("\n") == 1 and "phase_4_5_summary.json: missing" in wrong.stderr


def test_the_version_has_one_source(site: Path) -> None:
    assert project_version() == PROJECT["version"]
    metadata = next(site.glob("pva_steering-*.dist-info/METADATA")).read_text()
    assert f"\nVersion: {PROJECT['version']}\n" in metadata
    changelog = (REPOSITORY_ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[?([\d.]+)", changelog, re.MULTILINE)[0] == PROJECT["version"]
    citation = (REPOSITORY_ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {PROJECT['version']}\n" in citation


def test_a_copy_in_another_repository_tells_no_commit_and_still_its_version(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY_ROOT / "common", tmp_path / "theirs/common")
    shutil.copy(REPOSITORY_ROOT / "pyproject.toml", tmp_path / "theirs")
    commit_all(tmp_path)
    script = (
        "from common.environment import describe_environment\n"
        "from common.project import project_version\n"
        "print(describe_environment()['commit'], project_version())"
    )
    told = subprocess.check_output(
        [sys.executable, "-c", script], text=True, cwd=tmp_path / "theirs"
    )
    assert told == f"None {PROJECT['version']}\n"


def test_a_clone_tells_its_commit_and_its_own_paths(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY_ROOT / "common", tmp_path / "common")
    shutil.copy(REPOSITORY_ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "problems.jsonl").write_text("")
    commit_all(tmp_path)
    script = (
        "from common.config import resolve_path\n"
        "from common.environment import describe_environment\n"
        "print(describe_environment()['commit'], resolve_path('problems.jsonl'))"
    )
    told = subprocess.check_output(
        [sys.executable, "-c", script],
        text=True,
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    head = subprocess.check_output(["git", "-C", str(tmp_path), "rev-parse", "HEAD"], text=True)
    assert told == f"{head.strip()} {tmp_path.resolve() / 'problems.jsonl'}\n"


def test_what_was_tested_is_in_the_ranges_for_others() -> None:
    extras = PROJECT["optional-dependencies"]
    files = {
        "requirements.txt": [*PROJECT["dependencies"], *extras["dev"]],
        "requirements-ray.txt": extras["ray"],
        "requirements-browser.txt": extras["browser"],
    }
    for name, ranges in files.items():
        lines = (REPOSITORY_ROOT / name).read_text().splitlines()
        pins = dict(line.split("==") for line in lines if line and not line.startswith(("#", "-")))
        allowed = {Requirement(line).name: Requirement(line).specifier for line in ranges}
        assert set(pins) <= set(allowed), name
        assert [pin for pin in pins.items() if pin[1] not in allowed[pin[0]]] == [], name
    # A CPU build of torch that is there already is kept.
    (torch,) = (Requirement(line) for line in PROJECT["dependencies"] if line.startswith("torch"))
    assert f"{version('torch').split('+')[0]}+cpu" in torch.specifier
