import copy

import pytest
import torch

from common.config import load_config
from common.errors import InputError
from common_simplified.generation import generate_greedy
from common_simplified.model_loader import load_model_and_tokenizer, load_model_outline
from common_simplified.steering import steering

PROMPT = "def add(n):\n"


@pytest.fixture(scope="module")
def name():
    return load_config().model_name


def test_gemma_2_gets_the_attention_that_caps_its_scores(embedded):
    assert embedded[0].config._attn_implementation == "eager"


def test_a_model_without_capping_keeps_the_librarys_choice(llama, embedded, tmp_path):
    llama.save_pretrained(tmp_path)
    embedded[1].save_pretrained(tmp_path)
    model, _ = load_model_and_tokenizer(str(tmp_path), "cpu")
    assert model.config._attn_implementation == "sdpa"


def test_a_model_spread_by_a_map_writes_and_is_steered_the_same(name, embedded):
    spread, tokenizer = load_model_and_tokenizer(name, "cpu", device_map="auto")
    direction = torch.nn.functional.normalize(torch.ones(128), dim=0)
    for model in (spread, embedded[0]):
        with steering(model, direction, 30, layer=1):
            steered = generate_greedy(model, tokenizer, PROMPT, 12)
        assert steered.token_ids != generate_greedy(model, tokenizer, PROMPT, 12).token_ids
    with steering(spread, direction, 30, layer=1):
        assert generate_greedy(spread, tokenizer, PROMPT, 12) == steered


def test_an_outline_has_the_models_layers_sizes_and_dtype_but_no_weights(name, embedded):
    outline, model = load_model_outline(name, "cpu", "bfloat16"), embedded[0]
    assert len(outline.model.layers) == len(model.model.layers)
    assert outline.config.hidden_size == model.config.hidden_size
    assert outline.dtype == torch.bfloat16
    assert {parameter.device.type for parameter in outline.parameters()} == {"meta"}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_dtype_is_what_was_asked_for(name, dtype):
    model, _ = load_model_and_tokenizer(name, "cpu", dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, dtype)}


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(InputError, match="set PVA_SAE_MODEL_NAME to a local folder"):
        load_model_and_tokenizer(str(tmp_path), "cpu")


def test_weights_cut_short_are_named(embedded, tmp_path):
    for part in embedded:
        part.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(InputError, match="can't be loaded"):
        load_model_and_tokenizer(str(tmp_path), "cpu")


@pytest.mark.parametrize(
    "value", [float("nan"), pytest.param(float("inf"), marks=pytest.mark.long)]
)
def test_weights_that_are_not_finite_are_named(embedded, tmp_path, value):
    model, tokenizer = embedded
    changed = copy.deepcopy(model)
    changed.model.layers[1].mlp.up_proj.weight[3, 4] = value
    for part in (changed, tokenizer):
        part.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"layers\.1\.mlp\.up_proj\.weight holds numbers that are"):
        load_model_and_tokenizer(str(tmp_path), "cpu")


def test_a_model_without_its_tokenizers_files_is_named(embedded, tmp_path):
    embedded[0].save_pretrained(tmp_path)
    with pytest.raises(InputError, match="knows 5 tokens; files of it are missing"):
        load_model_and_tokenizer(str(tmp_path), "cpu")


def test_a_folder_that_is_missing_is_not_looked_for_on_the_hub(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"model '\./no_model' can't be loaded.*local folder"):
        load_model_and_tokenizer("./no_model", "cpu")
