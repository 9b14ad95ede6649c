"""Results are bound to what they were made from: settings, the device's kind, and the files."""

import json
from pathlib import Path

import pytest

from common.config import load_config
from common.errors import InputError
from common_simplified.provenance import (
    GENERATION_SETTINGS,
    MODEL_SETTINGS,
    require_same_settings,
    solution_settings,
)

REMEDY = "make it anew"


def metadata_of(folder: Path, **settings: object) -> Path:
    """An earlier phase's metadata, made under today's settings but for the given ones."""
    path = folder / "metadata.json"
    now = solution_settings(load_config(device="cpu"))
    path.write_text(json.dumps({"settings": {**now, **settings}}))
    return path


def test_settings_name_the_model_the_files_and_the_kind_of_device() -> None:
    settings = solution_settings(load_config(device="cpu"))
    assert {*MODEL_SETTINGS, *GENERATION_SETTINGS} <= settings.keys()
    assert settings["device"] == "cpu"
    assert settings["model_weights"] and settings["problems_file"]
    assert json.loads(json.dumps(settings)) == settings


def test_other_content_of_the_same_file_is_another_setting(tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    found = []
    for text in ("{}\n", "{ }\n", "{}\n"):
        problems.write_text(text)
        found.append(solution_settings(load_config(problems_path=str(problems)))["problems_file"])
    assert found[0] == found[2] != found[1]


def test_a_model_that_is_still_on_the_hub_has_no_identity_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    config = load_config(model_name="nobody/nothing", device="cpu")
    assert solution_settings(config)["model_weights"] is None
    metadata = metadata_of(tmp_path, model_name="nobody/nothing", model_weights="0123")
    require_same_settings(metadata, config, MODEL_SETTINGS, REMEDY)


def test_outputs_of_the_same_settings_are_taken(tmp_path: Path) -> None:
    config = load_config(device="cpu")
    require_same_settings(metadata_of(tmp_path), config, GENERATION_SETTINGS, REMEDY)


@pytest.mark.parametrize("name", GENERATION_SETTINGS)
def test_the_setting_that_differs_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    metadata = metadata_of(tmp_path, **{name: "another"})
    config = load_config(device="cpu")
    with pytest.raises(InputError, match=f"made with {name}='another', now it is") as error:
        require_same_settings(metadata, config, GENERATION_SETTINGS, REMEDY)
    assert str(metadata) in str(error.value) and REMEDY in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not_asked_for_may_differ(tmp_path: Path) -> None:
    metadata = metadata_of(tmp_path, max_new_tokens=7)
    require_same_settings(metadata, load_config(device="cpu"), MODEL_SETTINGS, REMEDY)


@pytest.mark.parametrize("content", ["{}", '{"settings": null, "start_index": null}', None])
def test_metadata_that_record_no_settings_are_let_through(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "metadata.json"
    if content is not None:
        path.write_text(content)
    require_same_settings(path, load_config(device="cpu"), GENERATION_SETTINGS, REMEDY)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[]", "valid dictionary"),
        ('{"settings": 1}', "settings=1"),
        ('{"residual_site": "x"}', "residual_site='x'"),
        ('{"start_index": -1}', "start_index=-1"),
        ('{"settings": ', "not valid JSON"),
    ],
)
def test_metadata_that_are_damaged_are_told(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(content)
    with pytest.raises(InputError, match=problem) as error:
        require_same_settings(path, load_config(device="cpu"), GENERATION_SETTINGS, REMEDY)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
