"""What the tests share: real small models, the embedded one and a random Llama."""

import os
import shutil

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import run
from common.config import load_config
from common_simplified.model_loader import load_model_and_tokenizer

for name in list(os.environ):
    if name.startswith("PVA_SAE_"):
        del os.environ[name]


@pytest.fixture(scope="session")
def embedded():
    """The embedded Gemma 2 and its tokenizer."""
    config = load_config()
    return load_model_and_tokenizer(config.model_name, "cpu")


@pytest.fixture(scope="session")
def llama(embedded):
    """A Llama with random weights, for the embedded tokenizer."""
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


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The outputs of `make run`'s command."""
    data = tmp_path_factory.mktemp("whole")
    assert run.main(["phase", "3.5", "4.5", "--data-dir", str(data)]) == 0
    return data


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of a finished run's data folder, to break things in."""
    shutil.copytree(whole, tmp_path / "finished")
    return tmp_path / "finished"
