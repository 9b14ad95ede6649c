import pytest
import torch

from common.errors import InputError
from common_simplified.residual_stream import captured_residuals, last_token_residuals
from common_simplified.steering import create_steering_hook, steering

IDS = torch.tensor([[2, 40, 41, 42, 43, 44]])


def unit_direction(width, seed=0):
    direction = torch.randn(width, generator=torch.Generator().manual_seed(seed))
    return direction / direction.norm()


def logits(model, ids=IDS):
    with torch.inference_mode():
        return model(input_ids=ids).logits


def residual(model, layer, site):
    with torch.inference_mode(), captured_residuals(model, [layer], site) as captured:
        model(input_ids=IDS)
    return captured[layer]


@pytest.fixture(params=["gemma", "llama"])
def model(request, embedded, llama):
    return embedded[0] if request.param == "gemma" else llama


@pytest.mark.parametrize("site", ["resid_pre", "resid_post"])
def test_the_direction_is_added_at_every_position(model, site):
    last = len(model.model.layers) - 1
    direction = unit_direction(model.config.hidden_size)
    for layer in (0, last):
        before = residual(model, layer, site)
        with steering(model, direction, 30, layer, site):
            after = residual(model, layer, site)
        assert after.shape == before.shape == (1, 6, model.config.hidden_size)
        torch.testing.assert_close(
            after - before, (30 * direction).expand_as(before), rtol=0, atol=1e-3
        )


def test_the_output_of_a_block_is_the_input_of_the_next(model):
    torch.testing.assert_close(residual(model, 0, "resid_post"), residual(model, 1, "resid_pre"))
    steered = unit_direction(model.config.hidden_size)
    with steering(model, steered, 10, 0, "resid_post"):
        post = logits(model)
    with steering(model, steered, 10, 1, "resid_pre"):
        pre = logits(model)
    assert torch.equal(post, pre)


def test_steering_changes_the_output_and_its_end_restores_it_bit_by_bit(model):
    before = logits(model)
    with steering(model, unit_direction(model.config.hidden_size), 30, 1):
        assert not torch.allclose(logits(model), before)
    assert torch.equal(logits(model), before)


def test_coefficient_0_changes_no_bit(model):
    before = logits(model)
    with steering(model, unit_direction(model.config.hidden_size), 0, 1):
        assert torch.equal(logits(model), before)


def test_zero_keeps_the_sign_of_a_zero():
    hook = create_steering_hook(torch.ones(2), 0)
    (steered,) = hook(torch.nn.Identity(), (torch.tensor([[[-0.0, 1.0]]]),))
    assert torch.signbit(steered).tolist() == [[[True, False]]]


def test_steering_is_undone_when_generation_fails(model):
    before = logits(model)
    with (
        pytest.raises(RuntimeError, match="out of memory"),
        steering(model, unit_direction(model.config.hidden_size), 30, 1),
    ):
        raise RuntimeError("out of memory")
    assert torch.equal(logits(model), before)


def test_two_directions_at_once_add_up(model):
    width = model.config.hidden_size
    a, b = unit_direction(width, 1), unit_direction(width, 2)
    before = residual(model, 1, "resid_pre")
    with steering(model, a, 3, 1), steering(model, b, 5, 1):
        after = residual(model, 1, "resid_pre")
    torch.testing.assert_close(after - before, (3 * a + 5 * b).expand_as(before), rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_hook_keeps_the_streams_dtype_and_the_other_arguments(dtype):
    hook = create_steering_hook(torch.tensor([1.0, -1.0]), 0.5)
    stream = torch.ones(1, 3, 2, dtype=dtype)
    steered, other = hook(torch.nn.Identity(), (stream, "mask"))
    assert steered.dtype == dtype
    assert other == "mask"
    assert steered[0, 2].tolist() == [1.5, 0.5]
    assert stream.eq(1).all(), "the stream that came in must not be changed in place"


def test_a_layer_or_a_width_that_the_model_lacks_is_refused(model):
    width = model.config.hidden_size
    with (
        pytest.raises(InputError, match="layer 99: the model has layers 0 to"),
        steering(model, torch.ones(width), 1, 99),
    ):
        pass
    with (
        pytest.raises(InputError, match=f"width {width}"),
        steering(model, torch.ones(width + 1), 1, 0),
    ):
        pass


def test_a_model_without_blocks_is_refused():
    with (
        pytest.raises(InputError, match="model.model.layers"),
        captured_residuals(torch.nn.Linear(2, 2), [0], "resid_pre"),
    ):
        pass


def test_the_last_prompt_token_is_read(embedded):
    model, tokenizer = embedded
    prompt = "Write a function\n"
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    found = last_token_residuals(model, tokenizer, prompt, [0, 2], "resid_pre")
    for layer in (0, 2):
        torch.testing.assert_close(found[layer], states[layer][0, -1])
