"""Reading what a run has left: whole, damaged, older, or mixed with another run's."""

import json

import pytest

from common.errors import InputError
from phase4_5.results.run_files import examples_file, load_run


@pytest.fixture
def folder(finished):
    return finished / "phase4_5"


def change(path, edit):
    path.write_text(json.dumps(edit(json.loads(path.read_text()))))


def without(*keys):
    """An edit that takes the last of the keys away, found by the others."""

    def edit(content):
        part = content
        for key in keys[:-1]:
            part = part[key]
        del part[keys[-1]]
        return content

    return edit


def refused(folder):
    with pytest.raises(InputError) as caught:
        load_run(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "make it anew" in message or "it is made by" in message
    return message


def test_the_summary_and_all_its_examples(folder):
    run = load_run(folder)
    assert len(run.examples) == 14
    assert len(run.examples["correct", 30.0]) == 10
    selected = json.loads((folder / "selected_coefficients.json").read_text())
    assert run.selected.dump() == selected


def test_a_summary_of_before_phase_2_5_told_of_chance(folder):
    path = folder / "phase_4_5_summary.json"
    assert load_run(folder).summary.features["correct"].separation_p is not None
    change(path, without("features", "correct", "separation_p"))
    assert load_run(folder).summary.features["correct"].separation_p is None
    change(path, lambda content: content["features"]["correct"].update(separation_p=1.5) or content)
    assert "features.correct.separation_p=1.5" in refused(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text(path.read_text()[:300]), "not valid JSON"),
        (lambda path: path.write_text("[]"), "should be a valid dictionary"),
        (lambda path: change(path, without("controls")), "no controls in it"),
        (
            lambda path: change(path, without("results", "correct")),
            "results has nothing for correct",
        ),
        (
            lambda path: change(path, without("results", "correct", 0, "n_flipped")),
            "no results.correct.0.n_flipped in it",
        ),
        (
            lambda path: change(path, without("features", "incorrect", "layer")),
            "no features.incorrect.layer",
        ),
        (
            lambda path: change(path, lambda content: content | {"results": {"correct": []}}),
            "results.correct=[]",
        ),
    ],
)
def test_a_summary_that_is_not_whole(folder, damage, message):
    path = folder / "phase_4_5_summary.json"
    damage(path)
    assert message in refused(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text("{}"), "not a list"),
        (lambda path: change(path, lambda records: records[:3]), "of another run"),
        (
            lambda path: change(path, lambda records: [{**records[0], "coefficient": 3.0}] * 10),
            "of another run",
        ),
        (
            lambda path: change(
                path, lambda records: [{**record, "flipped": True} for record in records]
            ),
            "flipped True and flip_direction None don't fit",
        ),
        (
            lambda path: change(
                path,
                lambda records: [
                    {key: value for key, value in record.items() if key != "prompt"}
                    for record in records
                ],
            ),
            "record 0: no prompt",
        ),
    ],
)
def test_examples_that_are_not_whole_or_of_another_run(folder, damage, message):
    path = examples_file(folder, "incorrect", 10)
    damage(path)
    answer = refused(folder)
    assert message in answer
    assert "incorrect_coeff_10" in answer
