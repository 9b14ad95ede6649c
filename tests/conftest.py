"""What the tests share: a finished run, and real small models: the embedded one, a random Llama."""

import gc
import os
import shutil
import signal
from pathlib import Path

# Before torch is imported: workers of pytest-xdist would take the cores from each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from made_once import made_once
from pipeline_runs import copy_what_4_5_needs
from without_pictures import without_drawing

ALONE = {"with_ray", "with_browser"}
"""Folders whose tests need the machine, or the one browser, to themselves."""

# What is imported is no garbage: looked through again and again it costs seconds.
gc.disable()
# A shell's background jobs ignore it, and all their children; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in list(os.environ):
    if name.startswith("PVA_SAE_"):
        del os.environ[name]
# As specified; the embedded model's default takes longer.
os.environ["PVA_SAE_PHASE4_5_PROBLEMS_PER_COEFF"] = "10"


def pytest_xdist_auto_num_workers(config):
    """With `-n auto`: as many workers as cores. One more costs its imports, and gains no time."""
    asked_for = {part for path in config.args for part in Path(path.split("::")[0]).parts}
    return 0 if asked_for & ALONE else os.cpu_count() or 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """First what waits for something that takes long to make, so that nobody waits at the end.

    All in `tests/long` is marked so.
    """
    for item in items:
        if item.path.parent.name == "long":
            item.add_marker("long")
    items.sort(key=lambda item: [name not in item.fixturenames for name in ("hub_home", "whole")])


def pytest_collection_finish():
    """All modules are there."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def embedded():
    """The embedded Gemma 2 and its tokenizer."""
    from common.config import load_config
    from common_simplified.model_loader import load_model_and_tokenizer

    config = load_config()
    return load_model_and_tokenizer(config.model_name, "cpu")


@pytest.fixture(scope="session")
def llama(embedded):
    """A Llama with random weights, for the embedded tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(embedded[1]),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=512,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


LESS = {
    "PVA_SAE_PLAIN_TEXT_MAX_TOKENS": "500",
    "PVA_SAE_PHASE3_5_TEMPERATURES": "0",
    "PVA_SAE_PHASE3_5_SAMPLES_PER_TEMPERATURE": "1",
    "PVA_SAE_PHASE4_5_RANDOM_CONTROLS": "1",
    "PVA_SAE_PHASE4_5_OPPOSITE_CONTROL": "true",
    "PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS": "20",
    "PVA_SAE_PHASE4_5_FINAL_CONTROLS": "6",
    "PVA_SAE_PHASE4_5_FINAL_CONTROLS_PER_PROBLEM": "2",
}
"""In the tests' runs: with the defaults, controls and final evaluation take most of the time."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The outputs of `make run`'s command, smaller. Made once for all workers: only to be read."""
    import run

    def make(data):
        with pytest.MonkeyPatch.context() as patch, without_drawing():
            for name, value in LESS.items():
                patch.setenv(name, value)
            assert run.main(["phase", "3.5", "4.5", "--data-dir", str(data)]) == 0

    return made_once(tmp_path_factory, "whole", make)


@pytest.fixture
def finished(whole, tmp_path, without_pictures):  # noqa: ARG001
    """A copy of a finished run's data folder, to break things in."""
    return shutil.copytree(whole, tmp_path / "finished")


@pytest.fixture
def earlier(whole, tmp_path, without_pictures):  # noqa: ARG001
    """A folder with what Phase 4.5 needs, to run it in and to break things in."""
    return copy_what_4_5_needs(whole, tmp_path)


@pytest.fixture
def only_the_grid(monkeypatch):
    """Runs of Phase 4.5 without controls and final evaluation."""
    monkeypatch.setenv("PVA_SAE_PHASE4_5_RANDOM_CONTROLS", "0")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_OPPOSITE_CONTROL", "false")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS", "0")


@pytest.fixture
def without_pictures():
    """Reports are written without drawing, which takes longer than a small run."""
    with without_drawing():
        yield
