import json

import pytest

from common.config import load_config
from common.errors import InputError
from phase2_5_simplified.features import best_layers, load_best_features

# The first features of the published run.
PUBLISHED = {
    "correct": [
        {
            "feature_idx": 11225,
            "layer": 16,
            "separation_score": 0.2212,
            "f_correct": 0.7241,
            "f_incorrect": 0.5029,
            "mean_activation": 5.1586,
        }
    ],
    "incorrect": [{"feature_idx": 2853, "layer": 25, "separation_score": 0.2010}],
}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "phase2_5").mkdir()
    return load_config(data_dir=str(tmp_path))


def write(config, content, name="top_20_features.json"):
    text = content if isinstance(content, str) else json.dumps(content)
    (config.output_dir("2.5") / name).write_text(text)


def test_the_published_file_is_read(config):
    write(config, PUBLISHED)
    features = load_best_features(config)
    assert (features["correct"].layer, features["correct"].feature_idx) == (16, 11225)
    assert best_layers(features) == {
        "correct": 16,
        "incorrect": 25,
        "correct_feature_idx": 11225,
        "incorrect_feature_idx": 2853,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"correct": [', "not valid JSON"),
        ({"correct": PUBLISHED["correct"]}, "no incorrect in it"),
        ({**PUBLISHED, "correct": []}, r"correct=\[\]: List should have at least 1 item"),
        ([1], r"\[1\]: Input should be a valid dictionary"),
        (
            {**PUBLISHED, "correct": [{"layer": 1, "separation_score": 1}]},
            "no correct.0.feature_idx in it",
        ),
        (
            {**PUBLISHED, "correct": [{**PUBLISHED["correct"][0], "layer": "16"}]},
            "correct.0.layer='16'",
        ),
        (
            {**PUBLISHED, "correct": [{**PUBLISHED["correct"][0], "layer": -1}]},
            "correct.0.layer=-1",
        ),
        *(
            (
                {**PUBLISHED, "correct": [{**PUBLISHED["correct"][0], "separation_score": score}]},
                "correct.0.separation_score=",
            )
            for score in (1.5, -0.1, 1e25)
        ),
        ('{"correct": [{"separation_score": NaN}]}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"correct": ' + "1" * 5000 + "}", "not valid JSON"),
        ({**PUBLISHED, "correct": ["x"]}, "correct.0='x'"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(config, content, message):
    write(config, content)
    with pytest.raises(InputError, match=message) as caught:
        load_best_features(config)
    assert "top_20_features.json" in str(caught.value)


def test_a_missing_file_names_the_phase_and_the_command(config):
    with pytest.raises(InputError, match="Phase 2.5, run: python3 run.py phase 2.5"):
        load_best_features(config)


def test_features_of_another_residual_site_are_refused(config):
    write(config, PUBLISHED)
    write(config, {"residual_site": "resid_post"}, "metadata.json")
    with pytest.raises(InputError, match="found at resid_post.*set it to resid_post"):
        load_best_features(config)
    other = load_config(data_dir=config.data_dir, residual_site="resid_post")
    assert load_best_features(other)


def test_what_is_ranked_behind_the_best_is_not_judged(config):
    behind = {**PUBLISHED["correct"][0], "separation_score": -0.01}
    write(config, {**PUBLISHED, "correct": [PUBLISHED["correct"][0], behind]})
    assert load_best_features(config)["correct"].feature_idx == 11225


CHANCE = {
    "p": 0.2198,
    "n_permutations": 1000,
    "separation_score": 0.2212,
    "chance_median": 0.19,
    "chance_95": 0.25,
}
CHANCES = {"correct": CHANCE, "incorrect": {**CHANCE, "p": 0.003, "separation_score": 0.2010}}


def test_the_p_of_a_separation_is_read(config):
    write(config, PUBLISHED)
    write(config, {"separation_chance": CHANCES}, "metadata.json")
    features = load_best_features(config)
    assert (features["correct"].separation_p, features["incorrect"].separation_p) == (0.2198, 0.003)


@pytest.mark.parametrize(
    "metadata", [None, {}, {"separation_chance": None}, {"best_layers": {"correct": 16}}]
)
def test_metadata_that_tell_no_p_are_read_too(config, metadata):
    write(config, PUBLISHED)
    if metadata is not None:
        write(config, metadata, "metadata.json")
    assert {feature.separation_p for feature in load_best_features(config).values()} == {None}


@pytest.mark.parametrize(
    ("chances", "message"),
    [
        (0.22, "separation_chance=0.22: Input should be a valid dictionary"),
        ({"correct": CHANCE}, "no separation_chance.incorrect in it"),
        ({**CHANCES, "correct": 0.22}, "separation_chance.correct=0.22"),
        *(
            ({**CHANCES, "correct": {**CHANCE, "p": p}}, f"separation_chance.correct.p={p!r}")
            for p in (0, 1.2, -0.1, "0.2", None)
        ),
        ({**CHANCES, "incorrect": {"p": 0.2}}, "no separation_chance.incorrect.n_permutations"),
        (
            {**CHANCES, "correct": {**CHANCE, "chance_median": 0.3}},
            "chance_median 0.3 is above chance_95 0.25",
        ),
    ],
)
def test_a_wrong_chance_is_named_in_one_line(config, chances, message):
    write(config, PUBLISHED)
    write(config, {"separation_chance": chances}, "metadata.json")
    with pytest.raises(InputError, match="metadata.json: ") as caught:
        load_best_features(config)
    assert message in str(caught.value)
    assert str(caught.value).endswith("mend it, or run that phase anew with --fresh")
    assert "\n" not in str(caught.value)


def test_a_p_of_another_latent_is_not_told(config, caplog):
    write(config, PUBLISHED)
    other = {**CHANCE, "separation_score": 0.35}
    write(config, {"separation_chance": {**CHANCES, "correct": other}}, "metadata.json")
    features = load_best_features(config)
    assert (features["correct"].separation_p, features["incorrect"].separation_p) == (None, 0.003)
    assert caplog.messages == [
        f"{config.output_dir('2.5') / 'metadata.json'}: its p for correct is that of a separation "
        "of 0.350, the latent's is 0.221; not told"
    ]
