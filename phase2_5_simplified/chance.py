"""Is the best separation more than the best of many? Phase 2.5's choice, under shuffled verdicts.

The best of thousands of latents separates right from wrong solutions to some degree by luck alone.
So the verdicts are shuffled over the solutions, which leaves the latents and their number as they
are but takes away all that they could know, and the best is looked for again: how often is it as
good as the one that was found?
"""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from common.terms import STEERING_TYPES, SteeringType
from common.typed_files import FileModel

N_PERMUTATIONS = 1000
"""How often the verdicts are shuffled: the smallest p is 1/1001."""
MAY_BE_CHANCE = 0.05
"""From this p on a separation may be chance."""
_BLOCK = 2048
"""So many latents are looked at together: scores of 8 MB, with 1,000 permutations in float32."""
_EXACT_IN_FLOAT32 = 2**24
"""Up to this, sums of integers are exact in float32, in whatever order they are added."""


class SeparationChance(FileModel):
    """The best separation score of a direction beside the best ones of shuffled verdicts."""

    p: Annotated[float, Field(gt=0, le=1)]
    """(1 + the permutations whose best is at least the observed) / (1 + all permutations)."""
    n_permutations: Annotated[int, Field(ge=1)]
    separation_score: Annotated[float, Field(ge=0, le=1)]
    """The observed best, a difference of two fractions."""
    chance_median: Annotated[float, Field(ge=0, le=1)]
    """Of the permutations' best scores, as is `chance_95`, their 95th percentile."""
    chance_95: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.chance_median > self.chance_95:
            raise ValueError(
                f"chance_median {self.chance_median} is above chance_95 {self.chance_95}"
            )
        return self


class SeparationChances(FileModel):
    """`separation_chance` in Phase 2.5's `metadata.json`."""

    correct: SeparationChance
    incorrect: SeparationChance

    def of(self, steering_type: SteeringType) -> SeparationChance:
        """That of a direction."""
        return self.correct if steering_type == "correct" else self.incorrect


def chance_words(p: float) -> str:
    """A separation's p for people, e.g. `p = 0.22 against shuffled verdicts: may be chance`."""
    told = ": may be chance" if p >= MAY_BE_CHANCE else ""
    return f"p = {p:.3g} against shuffled verdicts{told}"


def chance_statement(steering_type: SteeringType, chance: SeparationChance) -> str:
    """A sentence on a direction's best latent, with what to do if it may be chance."""
    may_be = chance.p >= MAY_BE_CHANCE
    return (
        f"the best latent for {steering_type} separates {'not clearly ' * may_be}better than the "
        f"best of shuffled verdicts (p = {chance.p:.3g}): {chance.separation_score:.3f}; of "
        f"{chance.n_permutations:,} shuffles half reach {chance.chance_median:.3f}, one in twenty "
        f"{chance.chance_95:.3f}"
        + ("; it may be chance, more problems would tell" if may_be else "")
    )


class ShuffledVerdicts:
    """The best score for the verdicts as they are and for each permutation, over layers.

    Layers are added one at a time; all that is kept are the verdicts and the best scores.
    """

    def __init__(self, passed: np.ndarray, seed: int, n_permutations: int = N_PERMUTATIONS) -> None:
        """Shuffle the verdicts.

        Args:
            passed: the verdicts, bool [n_solutions].
            seed: of the permutations; the same one gives the same.
            n_permutations: how many.

        Raises:
            ValueError: all solutions passed, or none did.
        """
        n_right = int(passed.sum())
        n_wrong = len(passed) - n_right
        if not n_right or not n_wrong:
            raise ValueError("right and wrong solutions are both needed")
        verdicts = np.tile(passed.astype(bool), (1 + n_permutations, 1))
        # Row 0 are the verdicts as they are, so that all rows are computed alike.
        verdicts[1:] = np.random.default_rng(seed).permuted(verdicts[1:], axis=1)
        # With these weights the sum over the solutions on which a latent fires is its separation
        # score times this unit. It is an integer, so that equal scores are equal to the last bit.
        self._unit = n_right * n_wrong
        exact = np.float32 if self._unit < _EXACT_IN_FLOAT32 else np.float64
        self._weights = np.where(verdicts, n_wrong, -n_right).astype(exact)
        self._best = {name: np.zeros(1 + n_permutations) for name in STEERING_TYPES}

    def add_layer(self, fires: np.ndarray, left_out: np.ndarray) -> None:
        """Look for better scores among a layer's latents.

        Args:
            fires: on which solutions each latent fires, bool [n_solutions, d_sae].
            left_out: which latents aren't considered, bool [d_sae].
        """
        n_fired = fires.sum(axis=0)
        # What fires on none or on all scores 0 whatever the verdicts, which is where all begin.
        considered = np.flatnonzero(~left_out & (n_fired > 0) & (n_fired < len(fires)))
        for start in range(0, len(considered), _BLOCK):
            block = fires[:, considered[start : start + _BLOCK]].astype(self._weights.dtype)
            scores = self._weights @ block
            found = {"correct": scores.max(axis=1), "incorrect": -scores.min(axis=1)}
            for name, best in self._best.items():
                np.maximum(best, found[name], out=best)

    def chances(self) -> SeparationChances:
        """What the layers that were added say; a best score of 0 where no latent separates."""
        return SeparationChances(
            correct=self._chance("correct"), incorrect=self._chance("incorrect")
        )

    def _chance(self, steering_type: SteeringType) -> SeparationChance:
        observed, *_ = best = self._best[steering_type]
        shuffled = best[1:]
        return SeparationChance(
            p=(1 + int((shuffled >= observed).sum())) / len(best),
            n_permutations=len(shuffled),
            separation_score=float(observed / self._unit),
            chance_median=float(np.median(shuffled) / self._unit),
            chance_95=float(np.quantile(shuffled, 0.95) / self._unit),
        )
