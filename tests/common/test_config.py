import pytest

from common.config import load_config
from common.errors import InputError


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("PVA_SAE_"):
            monkeypatch.delenv(name)


def test_defaults_are_the_specified_grid_on_the_embedded_model(monkeypatch):
    monkeypatch.delenv("PVA_SAE_PHASE4_5_PROBLEMS_PER_COEFF", raising=False)
    config = load_config()
    assert config.profile == "embedded"
    assert config.phase4_5_coefficients == [1, 3, 10, 30, 100, 300, 1000]
    assert config.phase4_5_problems_per_coeff == 24, "more than specified: ten tell too little"
    assert load_config(profile="gemma-2-2b").phase4_5_problems_per_coeff == 10
    assert config.phase4_5_output_dir == "data/phase4_5"


def test_the_environment_beats_the_profile_and_the_command_line_beats_both(monkeypatch):
    assert load_config().max_new_tokens == 160
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKENS", "70")
    assert load_config().max_new_tokens == 70
    assert load_config(max_new_tokens=9).max_new_tokens == 9


def test_the_gemma_profile_has_the_values_of_the_study(monkeypatch):
    monkeypatch.setenv("PVA_SAE_PROFILE", "gemma-2-2b")
    config = load_config()
    assert config.model_name == "google/gemma-2-2b"
    assert config.sae_source == "gemma-scope-2b-pt-res-canonical"
    assert config.sae_id_template.format(layer=16) == "layer_16/width_16k/canonical"
    assert config.max_new_tokens == 500
    assert not config.run_missing_phases


@pytest.mark.parametrize("given", ["1,3,10", "[1, 3, 10]", " 1, 3 ,10 "])
def test_a_list_is_read_with_commas_or_as_json(monkeypatch, given):
    monkeypatch.setenv("PVA_SAE_PHASE4_5_COEFFICIENTS", given)
    assert load_config().phase4_5_coefficients == [1, 3, 10]


def test_the_data_dir_moves_every_output_and_one_output_can_be_moved_alone(monkeypatch):
    monkeypatch.setenv("PVA_SAE_DATA_DIR", "elsewhere")
    monkeypatch.setenv("PVA_SAE_PHASE3_6_OUTPUT_DIR", "study")
    config = load_config()
    assert str(config.output_dir("4.5")) == "elsewhere/phase4_5"
    assert str(config.output_dir("3.6")) == "study"


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("PHASE4_5_COEFFICIENTS", "1,x", "1,3,10"),
        ("PHASE4_5_COEFFICIENTS", "[1,", "JSON"),
        ("PHASE4_5_COEFFICIENTS", "-1", "at least 0"),
        ("PHASE4_5_COEFFICIENTS", "nan", "finite"),
        ("PHASE4_5_COEFFICIENTS", "1,1.0", "once"),
        ("PHASE4_5_PROBLEMS_PER_COEFF", "-3", "greater than or equal to 1"),
        ("PHASE4_5_FINAL_CONTROLS_PER_PROBLEM", "1", "greater than or equal to 2"),
        ("PHASE4_5_RANDOM_CONTROLS", "10000000", "less than or equal to 1000000"),
        ("MAX_NEW_TOKENS", "18446744073709551616", "less than or equal to 1000000"),
        ("MEMORY_LIMIT_MB", "18446744073709551616", "less than or equal to 16777216"),
        ("PHASE3_5_TEMPERATURES", "0,9223372036854775807", "at most 100"),
        ("SAE_ID_TEMPLATE", "{0}{layer}", "only {layer} may stand in braces"),
        ("SAE_ID_TEMPLATE", "a{layer}{", "only {layer} may stand in braces"),
        ("SAE_ID_TEMPLATE", "{layer.x}", "only {layer} may stand in braces"),
        ("PROFILE", "gemma", "'embedded' or 'gemma-2-2b'"),
        ("RESIDUAL_SITE", "mid", "'resid_pre' or 'resid_post'"),
        ("SPLIT_FRACTIONS", "0.5,0.5", "three fractions"),
        ("SPLIT_FRACTIONS", "0.5,0.4,0.3", "sum to 1"),
    ],
)
def test_a_bad_value_is_one_line_with_variable_value_and_what_is_allowed(
    monkeypatch, variable, value, allowed
):
    monkeypatch.setenv(f"PVA_SAE_{variable}", value)
    with pytest.raises(InputError) as caught:
        load_config()
    message = str(caught.value)
    assert f"PVA_SAE_{variable}" in message
    assert value in message
    assert allowed in message
    assert "\n" not in message


def test_a_mistyped_variable_is_refused_with_the_right_name(monkeypatch):
    monkeypatch.setenv("PVA_SAE_MAX_NEW_TOKEN", "9")
    with pytest.raises(InputError, match="did you mean PVA_SAE_MAX_NEW_TOKENS"):
        load_config()


def test_an_empty_range_of_problems_is_refused():
    with pytest.raises(InputError, match="above start_index"):
        load_config(start_index=5, end_index=5)
