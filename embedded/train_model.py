"""Train the embedded Gemma 2 and its tokenizer from scratch: `python3 -m embedded.train_model`.

Writes `embedded/model/` (safetensors, tokenizer, configuration). The seed is fixed.
"""

import argparse
import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import distributed
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from tqdm.auto import tqdm
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

from common.logging import get_logger, setup_logging
from common.prompt_utils import SOLUTION_MARKER
from embedded.corpus import Document, documents
from embedded.interventions import Example, intervened

logger = get_logger("embedded.train_model")

MODEL_DIR = Path(__file__).parent / "model"
SEED = 0
CYCLES = ((SEED, 1600, None), (3, 1200, None), (9, 1000, 1.0), (10, 700, 3.0))
"""The training's cycles: the seed of the documents, the steps, and with interventions how sure of
the author the model is made (`interventions.intervened`). In each cycle the learning rate rises and
falls."""
VOCABULARY = 1000
TOKENIZER_DOCUMENTS = 10_000
BATCH = 32
PROCESSES = 2
"""Each with one thread and a part of each batch: matrices so small don't keep two threads busy."""
WARM_UP = 0.05
COOL_DOWN = 0.4
"""The learning rate rises over the first and falls over the last of these shares of a cycle."""
LEARNING_RATE = 2e-3
MUON_LEARNING_RATE = 4e-3
# Most of a prompt can't be predicted (which numbers, which kind); it teaches, but less.
PROMPT_WEIGHT = 0.3
# One token of a program tells a careful author from a hasty one; it is worth more than the others,
# most of which follow from the problem.
PARTING_WEIGHT = 10.0
# Batches of alike lengths waste no time on padding.
BATCHES_SORTED_TOGETHER = 16


def train_tokenizer(texts: Iterator[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE with Gemma's special tokens.

    Numbers are merged like words, so that a small model can copy one in one step.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "<eos>", "<bos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    bos = tokenizer.token_to_id("<bos>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", bos)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> Gemma2ForCausalLM:
    """A Gemma 2 with random weights, small enough for a CPU."""
    config = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        query_pre_attn_scalar=32,
        max_position_embeddings=1024,
        sliding_window=512,
        # 1 / sqrt(hidden size): with Gemma's usual 0.02 the embeddings would drown in what the
        # blocks of so narrow a model add, and copying from the prompt would be learned late.
        initializer_range=128**-0.5,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    config._attn_implementation = "eager"
    return Gemma2ForCausalLM(config)


def encode(tokenizer: PreTrainedTokenizerFast, document: Document) -> Example:
    """The token ids of a document with its end, and each token's weight in the loss."""
    given, before_marker = _tokens_of_given(tokenizer, document.given)
    written = tokenizer(document.written, add_special_tokens=False)["input_ids"]
    ids = [*given, *written, tokenizer.eos_token_id]
    weights = [PROMPT_WEIGHT] * len(given) + [1.0] * (len(written) + 1)
    if document.alternative:
        other = tokenizer(document.alternative, add_special_tokens=False)["input_ids"]
        alike = list(map(int.__eq__, written, other))
        weights[len(given) + (alike.index(False) if False in alike else len(alike))] = (
            PARTING_WEIGHT
        )
    return Example(ids, weights, before_marker if document.author else len(ids), document.author)


def encode_pair(tokenizer: PreTrainedTokenizerFast, document: Document) -> list[Example]:
    """A document, and behind it its program after the other author's words, if it has such."""
    example = encode(tokenizer, document)
    if not document.given_otherwise:
        return [example]
    given, before_marker = _tokens_of_given(tokenizer, document.given_otherwise)
    n_given = len(example.ids) - example.marker
    ids = [*given[:before_marker], *example.ids[-n_given:]]
    weights = [PROMPT_WEIGHT] * before_marker + example.weights[-n_given:]
    return [example, Example(ids, weights, before_marker, example.author, interchanged=True)]


def _tokens_of_given(tokenizer: PreTrainedTokenizerFast, given: str) -> tuple[list[int], int]:
    """The token ids, and how many there are before the solution's marker."""
    encoded = tokenizer(given, return_offsets_mapping=True)
    marker = given.rfind(SOLUTION_MARKER)
    n_before = sum(start < marker for start, _ in encoded["offset_mapping"])
    return list(encoded["input_ids"]), n_before


Unit = list[Example]
"""Examples that are seen together: one, or a pair."""


def batches(tokenizer: PreTrainedTokenizerFast, seed: int, paired: bool) -> Iterator[list[Unit]]:
    """Endless batches of `BATCH` examples, alike in length within a batch."""
    generator = torch.Generator().manual_seed(seed)
    stream = documents(seed)
    n_units = BATCH // 2 if paired else BATCH
    while True:
        group = [
            encode_pair(tokenizer, document) if paired else [encode(tokenizer, document)]
            for document in itertools.islice(stream, n_units * BATCHES_SORTED_TOGETHER)
        ]
        group.sort(key=lambda unit: len(unit[0].ids))
        for index in torch.randperm(BATCHES_SORTED_TOGETHER, generator=generator).tolist():
            yield group[index * n_units : (index + 1) * n_units]


def loss_of(model: Gemma2ForCausalLM, batch: list[Example], total_weight: float) -> torch.Tensor:
    """The weighted cross-entropy of the next token over a batch, divided by `total_weight`."""
    ids = _padded([example.ids for example in batch])
    weights = _padded([example.weights for example in batch])
    logits = model(input_ids=ids[:, :-1]).logits
    losses = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), reduction="none"
    )
    return (losses * weights[:, 1:].reshape(-1)).sum() / total_weight


def _padded(rows: list[list[Any]]) -> torch.Tensor:
    """Rows of unequal length as [batch, longest], with zeros behind the shorter ones."""
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


def weight_of(batch: list[Unit]) -> float:
    """The sum of the weights of a batch's tokens; the first of a text is not predicted."""
    return sum(sum(example.weights[1:]) for unit in batch for example in unit)


def make_optimizers(model: Gemma2ForCausalLM, steps: int) -> list[Any]:
    """Muon for the matrices of the blocks, AdamW for the rest, each with its schedule."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=MUON_LEARNING_RATE, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]

    def height(step: int) -> float:
        return min(1.0, (step + 1) / (WARM_UP * steps), (steps - step) / (COOL_DOWN * steps))

    schedules = [torch.optim.lr_scheduler.LambdaLR(each, height) for each in optimizers]
    return [*optimizers, *schedules]


def train(
    model: Gemma2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    seed: int,
    steps: int,
    surest: float | None,
) -> None:
    """Train the model in place; with others in a process group, on a part of each batch.

    `surest` is None without interventions.
    """
    rank, size = distributed.get_rank(), distributed.get_world_size()
    updates = make_optimizers(model, steps)
    stream = batches(tokenizer, seed, paired=surest is not None)
    torch.manual_seed(1000 * seed + rank)
    model.train()
    progress = tqdm(range(steps), desc="training", mininterval=10, disable=rank > 0)
    for _ in progress:
        batch = next(stream)
        share = list(itertools.chain.from_iterable(batch[rank::size]))
        passes: AbstractContextManager[list[torch.Tensor]] = (
            nullcontext([]) if surest is None else intervened(model, share, surest)
        )
        with passes as authors_losses:
            loss = loss_of(model, share, weight_of(batch)) + sum(authors_losses) / size
        model.zero_grad()
        loss.backward()
        add_up_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for update in updates:
            update.step()
        progress.set_postfix(loss=f"{size * loss.item():.3f}", refresh=False)
    model.eval()


def add_up_gradients(model: Gemma2ForCausalLM) -> None:
    """Replace each gradient by its sum over all processes."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    together = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(together)
    parts = together.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def work(
    rank: int, meeting_point: str, tokenizer: PreTrainedTokenizerFast, output: Path, share: float
) -> None:
    """What each process does; the first one writes the model."""
    setup_logging()
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=PROCESSES
    )
    torch.manual_seed(SEED)
    model = make_model(tokenizer)
    for seed, steps, surest in CYCLES:
        train(model, tokenizer, seed, round(share * steps), surest)
    if rank == 0:
        model.save_pretrained(output)
        tokenizer.save_pretrained(output)
        logger.info("written to %s", output)
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=MODEL_DIR)
    parser.add_argument("--share", type=float, default=1.0, help="of the steps, to try things out")
    arguments = parser.parse_args()
    setup_logging()
    texts = (
        document.given + document.written
        for document in itertools.islice(documents(SEED), TOKENIZER_DOCUMENTS)
    )
    tokenizer = train_tokenizer(texts)
    with TemporaryDirectory() as folder:
        meeting_point = str(Path(folder) / "meeting_point")
        spawn(work, (meeting_point, tokenizer, arguments.output, arguments.share), PROCESSES)


if __name__ == "__main__":
    main()
