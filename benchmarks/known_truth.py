"""The verdicts of Phase 4.5, put to models in which the truth is known.

`python3 -m benchmarks.known_truth --out DIR` makes, from the embedded model,

- plants: models that read a direction of their own as the author's (`benchmarks.planted_models`),
  each at a strength of its own; the truth is what all problems of the split show on a finer grid;
- nulls: random directions in the latent's place, on the embedded model as it is;
- breaking: random directions that are only pushed so hard that programs fall apart;
- matched: latents that fire about as often as Phase 2.5's best ones, and separate nothing.

Each goes through the public door: files in a data folder, `PVA_SAE_...` settings, `run.py phase
3.6` and `4.5` with the comparison's own defaults (up to 100 held-out problems, 20 random
directions, 5 a problem). What came out of a run is in DIR/found, and isn't run again. Prints a
table for each part.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from unittest import mock

import numpy as np
import torch

import run
from benchmarks.known_truth_found import told, truth
from benchmarks.known_truth_tables import tables
from benchmarks.planted_models import (
    LAYER,
    Latent,
    plant,
    planted_direction,
    quiet_directions,
    random_directions,
    write_features,
    write_sae,
)
from common.config import Config, load_config, resolve_path
from common.errors import InputError, PipelineError, RunError
from common.files import read_json, write_json
from common.fingerprint import fingerprint
from common.logging import get_logger, setup_logging
from common.terms import STEERING_TYPES
from embedded.interventions import author_direction
from phase2_5_simplified.features import load_best_features
from phase2_5_simplified.matched_latents import load_matched_latents
from phase4_5.results.run_files import load_run

logger = get_logger("benchmarks.known_truth")

Part = Literal["plant", "null", "breaking", "matched"]
PARTS: tuple[Part, ...] = get_args(Part)
FIRST_SEED: dict[Part, int] = {"plant": 42, "null": 1000, "breaking": 2000, "matched": 3000}
"""Of a part's runs; plants all have the default."""

GAINS = (0.4, 2.0)
"""A plant's direction is read as the author's, so many times."""
FINE_GRID = "1,1.5,2.1,3,4.5,6.7,10,14,21,30"
"""Of the truth: three steps to one of the default grid."""
STRONG_GRID = "30,100,300"
ALL_PROBLEMS = 100_000
N_DIRECTIONS = 2048
"""Random ones, drawn at once, so that a larger `--nulls` goes on with the same."""
N_STRONG = 1024
"""The first of those for `breaking`."""
SEED = 0


@dataclass(frozen=True)
class Work:
    """One run of Phase 4.5.

    Attributes:
        number: of the run in its part; all that is drawn depends on these two.
        correct: the latent for correct-steering.
        incorrect: that for incorrect-steering.
    """

    part: Part
    number: int
    correct: Latent
    incorrect: Latent

    @property
    def name(self) -> str:
        """Of its folder, and of the file of what came out."""
        return f"{self.part}_{self.number:03d}"


@contextmanager
def settings(**values: object) -> Iterator[None]:
    """`PVA_SAE_<NAME>` in the environment, and no page or picture, inside the `with` block."""
    variables = {f"PVA_SAE_{name.upper()}": str(value) for name, value in values.items()}
    with (
        mock.patch.dict(os.environ, variables),
        mock.patch("phase4_5.steering_coefficient_selector.write_reports"),
    ):
        yield


def run_phase(number: str) -> None:
    """`python3 run.py phase <number>` under the settings of the environment.

    Raises:
        RunError: it failed.
    """
    status = run.main(["phase", number])
    if status != 0:
        raise RunError(f"phase {number} ended with status {status}; the line above says why")


def do(work: Work, out: Path) -> None:
    """Run one piece of work, and write what came out."""
    torch.set_num_threads(1)
    folder = out / "work" / work.name
    data = folder / "data"
    write_features(data / "phase2_5", work.correct, work.incorrect)
    with settings(
        data_dir=data,
        seed=FIRST_SEED[work.part] + (0 if work.part == "plant" else work.number),
        phase4_5_random_controls=0,
        phase4_5_opposite_control="false",
    ):
        found = _run_plant(work, folder, out) if work.part == "plant" else _run_null(work, out)
    write_json(_found_file(out, work), {"part": work.part, "number": work.number, **found})
    shutil.rmtree(folder)


def _found_file(out: Path, work: Work) -> Path:
    return out / "found" / f"{work.name}.json"


def _run_plant(work: Work, folder: Path, out: Path) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, work.number])
    gain = float(np.exp(rng.uniform(*np.log(GAINS))))
    quiet = torch.from_numpy(np.load(out / "quiet.npy"))
    direction = planted_direction(quiet, work.number)
    plant(resolve_path(load_config().model_name), folder / "model", direction, gain)
    write_sae(folder / "saes", torch.stack([direction, -direction]))
    with settings(model_name=folder / "model", sae_source=folder / "saes"):
        run_phase("3.6")
        run_phase("4.5")
        tool = load_run(folder / "data" / "phase4_5")
        with settings(
            phase4_5_output_dir=folder / "truth",
            phase4_5_coefficients=FINE_GRID,
            phase4_5_problems_per_coeff=ALL_PROBLEMS,
            phase4_5_final_eval_problems=0,
        ):
            run_phase("4.5")
        everywhere = load_run(folder / "truth")
    return {
        "gain": gain,
        "pass_rate": read_json(folder / "data" / "phase3_6" / "metadata.json")["pass_rate"],
        "directions": {
            name: {**told(tool, name), **truth(everywhere, tool, name)} for name in STEERING_TYPES
        },
    }


def _run_null(work: Work, out: Path) -> dict[str, Any]:
    """A run on the embedded model's own baseline.

    Each has another seed: other problems are searched, and other random directions compared with.
    """
    with settings(
        phase3_6_output_dir=_baseline(out) / "phase3_6",
        **({} if work.part == "matched" else {"sae_source": out / "random_saes"}),
        **({"phase4_5_coefficients": STRONG_GRID} if work.part == "breaking" else {}),
    ):
        run_phase("4.5")
        found = load_run(load_config().output_dir("4.5"))
    return {"directions": {name: told(found, name) for name in STEERING_TYPES}}


def _baseline(out: Path) -> Path:
    """The data folder of the embedded model's own baseline."""
    return out / "baseline"


def prepare(out: Path, counts: dict[Part, int]) -> list[Work]:
    """Make what the runs share, as far as it isn't there, and list them.

    Raises:
        InputError: `out` is of another model.
    """
    _require_same_model(out)
    if counts["plant"] and not (out / "quiet.npy").is_file():
        np.save(out / "quiet.npy", quiet_directions(load_config().model_name).numpy())
    work = [Work("plant", number, (LAYER, 0), (LAYER, 1)) for number in range(counts["plant"])]
    if counts["null"] or counts["breaking"] or counts["matched"]:
        _prepare_nulls(out)
    pairs = {"null": _rows(0, counts["null"]), "breaking": _rows(N_STRONG, counts["breaking"])}
    if counts["matched"]:
        with settings(data_dir=_baseline(out) / "features"):
            run_phase("2.5")
            pairs["matched"] = _matched_pairs(load_config(), counts["matched"])
    for part in PARTS[1:]:
        work += [Work(part, number, *pair) for number, pair in enumerate(pairs.get(part, ()))]
    return work


def _require_same_model(out: Path) -> None:
    weights = fingerprint(resolve_path(load_config().model_name))
    file = out / "model.json"
    if not file.is_file():
        write_json(file, {"model_weights": weights})
    if read_json(file)["model_weights"] != weights:
        raise InputError(f"{out}: its runs are of another model; give another --out")


def _prepare_nulls(out: Path) -> None:
    width = len(author_direction(128))
    write_sae(out / "random_saes", random_directions(N_DIRECTIONS, width, SEED))
    data = _baseline(out)
    if not (data / "phase3_6" / "metadata.json").is_file():
        write_features(data / "phase2_5", (LAYER, 0), (LAYER, 1))
        with settings(data_dir=data, sae_source=out / "random_saes"):
            run_phase("3.6")


def _matched_pairs(config: Config, count: int) -> list[tuple[Latent, Latent]]:
    """Pairs of latents that match Phase 2.5's best ones: `count` latents, two a pair."""
    features = load_best_features(config)
    found = load_matched_latents(config, features, count // 2)
    matched = [[(features[name].layer, latent) for latent in found[name]] for name in found]
    return list(zip(*matched, strict=False))


def _rows(first: int, count: int) -> list[tuple[Latent, Latent]]:
    """Pairs of rows, of which each is the latent of one direction: `count` rows."""
    rows = range(first, first + count, 2)
    return [((LAYER, row), (LAYER, row + 1)) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plants", type=int, default=20, help="models; two directions each")
    parser.add_argument("--nulls", type=int, default=200, help="random directions; two a run")
    parser.add_argument("--breaking", type=int, default=20, help="of them pushed too hard")
    parser.add_argument("--matched", type=int, default=20, help="latents that separate nothing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    setup_logging()
    out = arguments.out.resolve()
    given = (arguments.plants, arguments.nulls, arguments.breaking, arguments.matched)
    work = prepare(out, dict(zip(PARTS, given, strict=True)))
    left = [one for one in work if not _found_file(out, one).is_file()]
    # Not forked: torch's threads don't survive that.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, context) as pool:
        futures = {pool.submit(do, one, out): one for one in left}
        for number, future in enumerate(as_completed(futures), start=1):
            future.result()
            logger.info("%s is done: %d of %d", futures[future].name, number, len(left))
    found = [read_json(_found_file(out, one)) for one in work]
    sys.stdout.write(tables(found))


if __name__ == "__main__":
    try:
        main()
    except PipelineError as error:
        logger.error("%s", error)
        sys.exit(error.exit_status)
