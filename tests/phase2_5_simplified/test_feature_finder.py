import json

import numpy as np
import pytest
import torch

from common.config import load_config
from common.errors import InputError, RunError
from phase2_5_simplified.feature_finder import FeatureFinder, read_plain_text


def problems_file(tmp_path, tests):
    rows = [
        {
            "task_id": number,
            "text": f"Write a function to add {number} to a number.",
            "code": f"def add(n):\n    return n + {number}",
            "test_list": tests(number),
        }
        for number in range(1, 9)
    ]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_model_that_solves_nothing_gives_no_features(tmp_path):
    path = problems_file(tmp_path, lambda _number: ["assert False"])
    config = load_config(problems_path=path, data_dir=str(tmp_path / "data"))
    with pytest.raises(RunError, match="solved 0 of 4 problems of the sae split"):
        FeatureFinder(config).run()
    assert not (tmp_path / "data/phase2_5/top_20_features.json").exists()


def test_saes_for_some_of_the_layers_are_enough(tmp_path):
    source = tmp_path / "saes"
    for layer in (1, 3):
        (source / f"layer_{layer}").mkdir(parents=True)
        np.savez(source / f"layer_{layer}/params.npz", x=np.zeros(1))
    finder = FeatureFinder(load_config(sae_source=str(source)))
    assert finder._layers_with_sae([0, 1, 2, 3]) == [1, 3]
    with pytest.raises(InputError, match="no SAE for any of the model's layers"):
        finder._layers_with_sae([0, 2])


def test_the_share_of_plain_text_tokens_on_which_a_latent_fires(tmp_path):
    class TwoLatents:
        """The first latent fires on every token, the second on none."""

        W_dec = torch.zeros(2, 128)

        def encode(self, x):
            assert x.shape[1] == 128
            return torch.tensor([1.0, 0.0]).expand(len(x), 2)

    path = tmp_path / "text.txt"
    path.write_text("The old dog sat by the door.\n\nA cat came.\n")
    finder = FeatureFinder(load_config(plain_text_path=str(path)))
    assert finder._plain_text_rate(TwoLatents(), 1).tolist() == [1.0, 0.0]


def test_plain_text_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(InputError, match="PVA_SAE_PLAIN_TEXT_PATH"):
        read_plain_text(tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(InputError, match="no text in it"):
        read_plain_text(tmp_path / "empty.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="can't be read"):
        read_plain_text(tmp_path / "binary.txt")
