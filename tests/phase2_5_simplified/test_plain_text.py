import pandas as pd
import pytest
import torch

from common.config import load_config
from common.errors import InputError
from common_simplified.code_generator import CodeGenerator
from phase2_5_simplified import plain_text
from phase2_5_simplified.plain_text import PlainText, read_plain_text
from phase2_5_simplified.sae_analyzer import load_gemma_scope_sae


class TwoLatents:
    """The first latent fires on every token, the second on none."""

    W_dec = torch.zeros(2, 128)

    def encode(self, x):
        assert x.shape[1] == 128
        return torch.tensor([1.0, 0.0]).expand(len(x), 2)


@pytest.fixture
def generator(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("The old dog sat by the door.\n\nA cat came.\n")
    return CodeGenerator(load_config(plain_text_path=str(path)))


def test_the_share_of_plain_text_tokens_on_which_a_latent_fires(generator):
    assert PlainText(generator).firing_rate(TwoLatents(), 1).tolist() == [1.0, 0.0]


def test_reading_a_layer_at_a_time_gives_what_reading_all_at_once_gives(generator, monkeypatch):
    saes = {layer: load_gemma_scope_sae(layer, "cpu", generator.config) for layer in (0, 2, 3)}
    together = PlainText(generator)
    at_once = {layer: together.firing_rate(sae, layer) for layer, sae in saes.items()}
    assert set(together._kept) == {0, 1, 2, 3}
    monkeypatch.setattr(plain_text, "_KEPT_BYTES", 1)
    alone = PlainText(generator)
    for layer, sae in saes.items():
        assert (alone.firing_rate(sae, layer) == at_once[layer]).all()
        assert set(alone._kept) == {layer}
    assert at_once[2].max() > 0


def test_plain_text_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(InputError, match="PVA_SAE_PLAIN_TEXT_PATH"):
        read_plain_text(str(tmp_path / "none.txt"))
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(InputError, match="no text in it"):
        read_plain_text(str(tmp_path / "empty.txt"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="can't be read"):
        read_plain_text(str(tmp_path / "binary.txt"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"words": ["a"]}, "no column text"),
        ({"text": [" ", None]}, "no text in it"),
        (None, "no column text"),
    ],
)
def test_a_dataset_that_cannot_be_used_is_named(tmp_path, monkeypatch, content, message):
    file = tmp_path / "part.parquet"
    if content is None:
        file.write_bytes(b"PAR1")
    else:
        pd.DataFrame(content).to_parquet(file)
    monkeypatch.setattr(plain_text, "hub_parquet_files", lambda _name, **_: [file])
    with pytest.raises(InputError, match=message):
        read_plain_text("owner/dataset")
