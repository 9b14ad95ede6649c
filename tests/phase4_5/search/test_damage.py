"""The damage in a finished run, computed again from the model, the records and the journal."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from pipeline_runs import DIRECTIONS, GRID, results_of, summary_of
from torch.nn.functional import kl_div

import run
from common.config import load_config
from common_simplified.code_generator import CodeGenerator
from common_simplified.code_text import extract_code
from common_simplified.generation import Generation, Job, generate_greedy
from common_simplified.sandbox import ExecutionResult
from common_simplified.steering import Steering, steering
from phase2_5_simplified.features import load_best_features
from phase2_5_simplified.sae_analyzer import load_decoder_direction
from phase3_6.baseline import load_baseline
from phase4_5.search import damage

FIELDS = {
    "log_probability": "mean_log_probability",
    "kl_divergence": "mean_kl_divergence",
    "repetition": "mean_repetition",
}


def steering_of(whole, direction, coefficient):
    config = load_config(data_dir=str(whole))
    feature = load_best_features(config)[direction]
    row = load_decoder_direction(feature.layer, feature.feature_idx, "cpu", config)
    return Steering(row, coefficient, feature.layer, config.residual_site)


@torch.inference_mode()
def log_softmax(model, prompt_ids, text_ids):
    logits = model(input_ids=torch.tensor([prompt_ids + text_ids])).logits[0]
    return logits[len(prompt_ids) - 1 : -1].double().log_softmax(dim=-1)


@pytest.mark.parametrize(
    ("direction", "coefficient"), [("correct", 1), ("correct", 10), ("incorrect", 30)]
)
def test_a_record_has_what_the_model_says(whole, embedded, direction, coefficient):
    model, tokenizer = embedded
    record = results_of(whole, direction, coefficient)[0]
    pushed = steering_of(whole, direction, coefficient)
    prompt = record["prompt"]
    prompt_ids = tokenizer(prompt)["input_ids"]
    unsteered = tokenizer(prompt + record["baseline_code"])["input_ids"][len(prompt_ids) :]
    without = log_softmax(model, prompt_ids, unsteered)
    with steering(model, pushed.direction, coefficient, pushed.layer, pushed.site):
        under = log_softmax(model, prompt_ids, unsteered)
    kl = kl_div(without, under, log_target=True, reduction="none").sum(-1).mean().item()
    assert record["kl_divergence"] == pytest.approx(kl, rel=2e-3)
    written = generate_greedy(model, tokenizer, prompt, 160, pushed)
    assert extract_code(written.text, prompt) == record["steered_code"]
    tokens = written.token_ids
    rows = log_softmax(model, prompt_ids, tokens)
    mean = rows[range(len(tokens)), tokens].mean().item()
    assert record["log_probability"] == pytest.approx(mean, rel=1e-3)
    grams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    repeated = sum(gram in grams[:number] for number, gram in enumerate(grams))
    assert record["repetition"] == pytest.approx(repeated / len(grams))


def test_a_metric_is_the_mean_of_the_records(whole):
    for direction in DIRECTIONS:
        rows = {row["coefficient"]: row for row in summary_of(whole)["results"][direction]}
        for coefficient in GRID:
            records = results_of(whole, direction, coefficient)
            for field, metric in FIELDS.items():
                values = [record[field] for record in records]
                assert rows[coefficient][metric] == pytest.approx(np.mean(values)), metric


def test_all_is_measured_but_random_directions_on_held_out_problems(whole):
    import pandas as pd

    table = pd.read_parquet(whole / "phase4_5/all_records.parquet")
    steered = table[table["stage"] != "unsteered"]
    written = steered[steered["n_new_tokens"] >= 3]
    assert set(steered["stage"]) == {"grid", "controls", "final_evaluation", "final_controls"}
    compared = written["stage"] == "final_controls"
    assert written[~compared][list(FIELDS)].notna().all(axis=None)
    assert written[compared]["repetition"].notna().all()
    assert written[compared][["log_probability", "kl_divergence"]].isna().all(axis=None)


def test_a_stronger_push_does_more_damage(whole):
    for direction in DIRECTIONS:
        rows = summary_of(whole)["results"][direction][:4]
        for weaker, stronger in pairwise(rows):
            assert weaker["mean_kl_divergence"] < stronger["mean_kl_divergence"]
        assert rows[-1]["mean_log_probability"] < rows[0]["mean_log_probability"] - 1


@pytest.mark.usefixtures("only_the_grid")
def test_records_of_an_older_run_are_kept_and_said_to_be_unmeasured(finished, capfd):
    journal = finished / "phase4_5/journal.jsonl"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    for entry in entries:
        for field in FIELDS:
            entry.get("record", {}).pop(field, None)
    older = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    journal.write_text(older)
    assert run.main(["phase", "4.5", "--data-dir", str(finished), "--coefficients", "1,10"]) == 0
    assert journal.read_text() == older
    (row, _) = summary_of(finished)["results"]["correct"]
    assert [row[metric] for metric in FIELDS.values()] == [None] * 3
    said = "40 of 40 programs in the journal were written before damage was measured"
    assert said in capfd.readouterr().err


class Counted:
    """The two measures, with what they were asked for."""

    def __init__(self, monkeypatch):
        self.texts, self.steerings = [], []
        monkeypatch.setattr(damage, "mean_log_probabilities", self.log_probabilities)
        monkeypatch.setattr(damage, "kl_from_unsteered", self.divergences)

    def log_probabilities(self, _model, _prompt, texts, _limits):
        self.texts += texts
        return [-1.0] * len(texts)

    def divergences(self, _model, _prompt, _text, steerings, _limits):
        self.steerings.append(len(steerings))
        return [0.5] * len(steerings)


@pytest.mark.parametrize(("mode", "n_first"), [("lanes", 4), ("sequential", 1)])
def test_each_text_and_each_problem_is_read_once(whole, monkeypatch, mode, n_first):
    config = load_config(data_dir=str(whole), generation_mode=mode)
    counted = Counted(monkeypatch)
    problems = [problem for problem in load_baseline(config)[:2] for _ in range(4)]
    pushed = Steering(torch.ones(128), 1.0, 1)
    jobs = [Job(problem.prompt, pushed) for problem in problems]
    n_asked = 0

    def written():
        nonlocal n_asked
        for number in range(8):
            n_asked += 1
            tokens = [5, 6, 7 + number % 2]
            generation = Generation("text", tokens, "eos")
            yield number, "text", generation, ExecutionResult("passed")

    measured = damage.with_damage(CodeGenerator(config), jobs, problems, written(), [True] * 8)
    next(measured)
    assert n_asked == n_first, "one that is decoded alone doesn't wait for others"
    assert len(list(measured)) == 7
    assert counted.steerings == [4, 4]
    assert sorted(counted.texts) == [(5, 6, 7), (5, 6, 7), (5, 6, 8), (5, 6, 8)]
