import pytest
import torch
from transformers import GenerationConfig

from common.config import load_config
from common.problems import load_split
from common.prompt_utils import PromptBuilder
from common_simplified.code_text import extract_code
from common_simplified.generation import Row, generate_greedy, generate_samples
from common_simplified.steering import steering


@pytest.fixture(scope="module")
def prompts():
    problems = load_split(load_config(), "hyperparams")[:6]
    return [PromptBuilder().build(problem) for problem in problems]


def reference(model, tokenizer, prompt, n):
    """What transformers' own greedy search writes."""
    inputs = tokenizer(prompt, return_tensors="pt")
    output = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        generation_config=GenerationConfig(
            do_sample=False, max_new_tokens=n, eos_token_id=1, pad_token_id=0
        ),
    )
    return output[0, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize("coefficient", [0, 3, 30, 1000])
def test_greedy_decoding_is_that_of_transformers_steered_or_not(embedded, prompts, coefficient):
    model, tokenizer = embedded
    direction = torch.nn.functional.normalize(torch.arange(128.0).sin(), dim=0)
    for prompt in prompts:
        with steering(model, direction, coefficient, 2):
            ours = generate_greedy(model, tokenizer, prompt, 60)
            theirs = reference(model, tokenizer, prompt, 60)
        assert ours.token_ids == theirs[: ours.n_new_tokens]
        if ours.stop_reason == "max_new_tokens":
            assert ours.n_new_tokens == 60
        # Where decoding stopped early, going on changes nothing of the program.
        rest = tokenizer.decode(theirs, skip_special_tokens=True)
        assert extract_code(ours.text, prompt) == extract_code(rest, prompt)


def test_a_program_ends_with_the_end_of_text(embedded, prompts):
    model, tokenizer = embedded
    generation = generate_greedy(model, tokenizer, prompts[0], 160)
    assert generation.stop_reason in ("eos", "program_end")
    assert generation.text.startswith("def ")
    assert "<eos>" not in generation.text


def test_the_limit_of_tokens_is_kept(embedded, prompts):
    model, tokenizer = embedded
    generation = generate_greedy(model, tokenizer, prompts[0], 5)
    assert generation.n_new_tokens == 5
    assert generation.stop_reason == "max_new_tokens"


def test_numbers_that_are_not_finite_end_the_text(embedded, prompts):
    model, tokenizer = embedded
    direction = torch.full((128,), float("inf"))
    with steering(model, direction, 1, 2):
        generation = generate_greedy(model, tokenizer, prompts[0], 20)
    assert generation.stop_reason == "non_finite"
    assert generation.token_ids == []
    assert generation.text == ""


def test_samples_follow_the_seed_and_differ_from_each_other(embedded, prompts):
    model, tokenizer = embedded

    def sample(seed):
        return generate_samples(
            model, tokenizer, prompts[0], 40, temperature=1.5, n_samples=4, seed=seed
        )

    first = sample(1)
    assert first == sample(1)
    assert first != sample(2)
    assert len({tuple(generation.token_ids) for generation in first}) > 1


def test_nearly_no_temperature_is_greedy(embedded, prompts):
    model, tokenizer = embedded
    greedy = generate_greedy(model, tokenizer, prompts[1], 40)
    samples = generate_samples(
        model, tokenizer, prompts[1], 40, temperature=1e-4, n_samples=3, seed=0
    )
    assert all(sample.token_ids == greedy.token_ids for sample in samples)


def test_a_text_ends_with_the_line_after_the_program(embedded):
    tokenizer = embedded[1]
    program = "def f(n):\n    return n\n"
    after = "print(f(1))\nassert f(1) == 1\nmore and more\n"
    row = Row(tokenizer, "Return a number.\n", end_tokens=set())
    for token in tokenizer(program + after, add_special_tokens=False)["input_ids"]:
        row.take(token)
    generation = row.generation()
    assert generation.stop_reason == "program_end"
    assert generation.text == program + "print(f(1))\n"
