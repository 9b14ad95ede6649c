"""A reviewer's marks: on disk at once, bound to their programs, nobody's words lost."""

import json
import subprocess
import sys

import pytest

from common.config import REPOSITORY_ROOT
from common.errors import InputError
from phase4_5.records import example_key
from phase4_5.results.run_files import examples_file, load_run
from phase4_5.review.marks import Conflict, Marks, only_reviewer


@pytest.fixture
def folder(finished):
    return finished / "phase4_5"


@pytest.fixture
def key(folder):
    record = load_run(folder).examples["correct", 30.0][0]
    return record.example_key


def test_a_mark_is_there_after_a_restart(folder, key):
    note = "lost its return </script> 🙂 \ud800"
    assert Marks(load_run(folder)).put(key, "broken", note, 0)["version"] == 1
    again = Marks(load_run(folder))
    assert again.shown() == {key: {"mark": "broken", "note": note, "version": 1}}
    again.put(key, None, "", 1)
    assert Marks(load_run(folder)).shown()[key] == {"mark": None, "note": "", "version": 2}


def test_the_slower_of_two_is_told_and_changes_nothing(folder, key):
    marks = Marks(load_run(folder))
    marks.put(key, None, "first", 0)
    with pytest.raises(Conflict) as caught:
        marks.put(key, "keep", "second", 0)
    assert caught.value.entry == {"mark": None, "note": "first", "version": 1}
    assert marks.shown()[key]["note"] == "first"


@pytest.mark.parametrize(
    ("mark", "note", "version"),
    [
        ("good", "", 0),
        (1, "", 0),
        (None, None, 0),
        (None, "x" * 20_001, 0),
        (None, "", "0"),
        (None, "", -1),
        (None, "", True),
    ],
)
def test_a_wrong_value_is_refused(folder, key, mark, note, version):
    marks = Marks(load_run(folder))
    with pytest.raises(ValueError):
        marks.put(key, mark, note, version)
    assert marks.shown() == {}
    assert not (folder / "review_marks.json").exists()


@pytest.mark.parametrize("key", ["correct|31|1", "correct|30|999999", "", "../../x"])
def test_an_example_that_is_not_there_is_refused(folder, key):
    with pytest.raises(ValueError, match="this run has none of that name"):
        Marks(load_run(folder)).put(key, "keep", "", 0)


def test_a_mark_of_another_program_is_kept_apart_and_not_shown(folder, key):
    Marks(load_run(folder)).put(key, "keep", "mine", 0)
    path = examples_file(folder, "correct", 30)
    records = json.loads(path.read_text())
    records[0]["steered_code"] += "# another model's"
    path.write_text(json.dumps(records))
    marks = Marks(load_run(folder))
    assert marks.shown() == {}
    marks.put(key, "broken", "", 0)
    content = json.loads((folder / "review_marks.json").read_text())
    assert content["marks"][key]["mark"] == "broken"
    (apart,) = content["of_other_programs"]
    assert (apart["example"], apart["mark"], apart["note"]) == (key, "keep", "mine")


def test_marks_of_a_coefficient_outside_this_grid_wait_for_it(folder, key):
    Marks(load_run(folder)).put(key, "keep", "", 0)
    path = folder / "phase_4_5_summary.json"
    summary = json.loads(path.read_text())
    rows = summary["results"]["correct"]
    summary["results"]["correct"] = [row for row in rows if row["coefficient"] != 30]
    path.write_text(json.dumps(summary))
    narrow = load_run(folder)
    other = example_key("correct", 10, narrow.examples["correct", 10.0][0].task_id)
    marks = Marks(narrow)
    assert marks.shown() == {}
    marks.put(other, "keep", "", 0)
    assert key in json.loads((folder / "review_marks.json").read_text())["marks"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"marks": [], "of_other_programs": []}', '{"marks": {"a": {}}}']
)
def test_a_damaged_file_is_told_and_left(folder, text):
    path = folder / "review_marks.json"
    path.write_text(text)
    with pytest.raises(InputError, match="review_marks.json"):
        Marks(load_run(folder))
    assert path.read_text() == text


def test_two_processes_can_not_review_one_run(folder):
    code = (
        "import sys, pathlib\n"
        "from phase4_5.review.marks import only_reviewer\n"
        "with only_reviewer(pathlib.Path(sys.argv[1])): pass\n"
    )
    arguments = [sys.executable, "-c", code, str(folder)]
    for _ in range(2):  # The second time, the first has given it back.
        with only_reviewer(folder):
            pass
    with only_reviewer(folder):
        answer = subprocess.run(arguments, cwd=REPOSITORY_ROOT, capture_output=True, text=True)
    assert "a review of this run is open already" in answer.stderr
