"""A logistic window in log coefficient: an effect that rises, and falls as code breaks.

P(effect) = P(intact) * P(effect | intact): two logistic regressions (a sequential, or
continuation-ratio, logit), the first a straight line in log10 of the coefficient, the second a
parabola, since an effect can also fade while the code is intact. All coefficients are tried on the
same problems, which differ: the curves are those of the mean problem of the population
(statsmodels' GLM, which is GEE with independent working correlation), and what problems have in
common is in the covariance, clustered by problem (Liang and Zeger 1986) over both regressions.
That needs no guess at how problems differ, as random effects of a mixed model do.

The best strength is where the curve's slope is 0. Its interval holds every strength at which a
slope of 0 isn't refused: for one parabola that is Fieller's (1954) interval.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from phase4_5.analysis.statistics import CONFIDENCE

_POINTS = 401
"""At which a curve is looked at."""
_LARGEST_ERROR = 100.0
"""Of a regression's parameter, per range of the coefficients: beyond, outcomes are separated."""


class Separated(Exception):
    """The outcomes are told apart without error, so that a curve's steepness has no bound."""


@dataclass(frozen=True)
class Arm:
    """Problems that can show an effect, at all coefficients; `weight` is what each counts.

    `effect` [n_problems, n_coefficients] of bools; `intact` alike, or None if code that broke
    counts as any other.
    """

    weight: float
    effect: np.ndarray
    intact: np.ndarray | None = None


@dataclass(frozen=True)
class Window:
    """A fitted window. Arrays are over the `x`, log10 of coefficients; effects are fractions."""

    x: np.ndarray
    effect: np.ndarray
    error: np.ndarray
    """Standard error of `effect`."""
    best: float
    """The `x` with the largest effect."""
    interval: tuple[float, float]
    """95 %, in `x`; an end of `x` where the interval is open."""
    ratio: float
    """Student's t with which effects are told from 0 at 95 %."""

    @property
    def at_best(self) -> tuple[float, float]:
        """The largest effect, and its standard error."""
        place = int(self.effect.argmax())
        return float(self.effect[place]), float(self.error[place])


@dataclass(frozen=True)
class _Regression:
    """Parameters of a logistic regression on powers of x, and each problem's pull on them."""

    parameters: np.ndarray
    influence: np.ndarray
    """[n_problems, n_parameters]; its cross product is the covariance."""


def fit_window(coefficients: Sequence[float], arms: Sequence[Arm]) -> Window:
    """Fit the weighted sum of the arms' windows.

    Args:
        coefficients: positive, ascending; one a column of the arms' arrays.
        arms: the first is what is wanted; others may take something off by a negative weight.

    Raises:
        Separated: a regression has no finite answer.
    """
    from scipy.stats import t

    at = np.log10(np.asarray(coefficients, dtype=float))
    middle, width = at.mean(), at[-1] - at[0]
    scaled = (at - middle) / width
    fitted = [[_fit(scaled, *part) for part in _parts(arm)] for arm in arms]
    covariance = _covariance([[one.influence for one in of_arm] for of_arm in fitted])
    sizes = [[len(one.parameters) for one in of_arm] for of_arm in fitted]
    found = np.concatenate([one.parameters for of_arm in fitted for one in of_arm])
    z = np.linspace(scaled[0], scaled[-1], _POINTS)

    def curve(parameters: np.ndarray) -> np.ndarray:
        return _curve(z, parameters, [arm.weight for arm in arms], sizes)

    alone = len(arms) == 1

    def slope(parameters: np.ndarray) -> np.ndarray:
        effect = curve(parameters)
        # Of the logarithm it is linear in a logistic curve's parameters, far from the peak too.
        heights = np.log(np.maximum(effect, 1e-300)) if alone else effect
        return np.asarray(np.gradient(heights, z))

    n_problems = min(len(arm.effect) for arm in arms)
    ratio = float(t.ppf((1 + CONFIDENCE) / 2, max(1, n_problems - 3)))
    effect = curve(found)
    best = int(effect.argmax())
    held = abs(slope(found)) <= ratio * _error(slope, found, covariance)
    low, high = _around(held, best)
    x = middle + width * z
    return Window(
        x=x,
        effect=effect,
        error=_error(curve, found, covariance),
        best=float(x[best]),
        interval=(float(x[low]), float(x[high])),
        ratio=ratio,
    )


def _parts(arm: Arm) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """For each regression of an arm its outcomes, where they count, and its highest power."""
    everywhere = np.ones(arm.effect.shape, dtype=bool)
    if arm.weight < 0:
        return [(arm.effect, everywhere, 1)]
    if arm.intact is None or arm.intact.all():
        return [(arm.effect, everywhere, 2)]
    return [(arm.intact, everywhere, 1), (arm.effect, arm.intact, 2)]


def _fit(scaled: np.ndarray, outcome: np.ndarray, counts: np.ndarray, power: int) -> _Regression:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    powers = scaled[:, None] ** np.arange(power + 1)
    totals = counts.sum(axis=0)
    seen = totals > 0
    successes = (outcome & counts).sum(axis=0)
    if seen.sum() <= power:
        raise Separated
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Summed up over problems: the same estimate, in a tenth of the time.
        table = np.column_stack([successes, totals - successes])[seen]
        result = GLM(table, powers[seen], family=Binomial()).fit()
        errors = np.asarray(result.bse)
    if not np.isfinite(errors).all() or errors.max() > _LARGEST_ERROR:
        raise Separated
    parameters = np.asarray(result.params)
    likely = _logistic(powers @ parameters)
    pulls = np.where(counts, outcome - likely, 0.0) @ powers
    bread = np.asarray(result.normalized_cov_params)
    return _Regression(parameters, pulls @ bread)


def _logistic(logit: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(logit))


def _covariance(influences: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Clustered by problem; arms have problems of their own."""
    from scipy.linalg import block_diag

    blocks = []
    for of_arm in influences:
        joined = np.hstack(of_arm)
        n = len(joined)
        blocks.append(joined.T @ joined * (n / max(1, n - of_arm[-1].shape[1])))
    return np.asarray(block_diag(*blocks))


def _curve(
    z: np.ndarray,
    parameters: np.ndarray,
    weights: Sequence[float],
    sizes: Sequence[Sequence[int]],
) -> np.ndarray:
    total, place = np.zeros_like(z), 0
    for weight, of_arm in zip(weights, sizes, strict=True):
        product = np.full_like(z, weight)
        for size in of_arm:
            part = parameters[place : place + size]
            product *= _logistic(z[:, None] ** np.arange(size) @ part)
            place += size
        total += product
    return total


def _error(
    function: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """The standard error of a function of the parameters, by the delta method."""
    step = 1e-4
    columns = []
    for place in range(len(parameters)):
        shift = np.zeros_like(parameters)
        shift[place] = step
        columns.append((function(parameters + shift) - function(parameters - shift)) / (2 * step))
    gradient = np.column_stack(columns)
    return np.asarray(np.sqrt(np.einsum("xi,ij,xj->x", gradient, covariance, gradient)))


def _around(held: np.ndarray, place: int) -> tuple[int, int]:
    """The ends of what is held around a place without a gap."""
    low = high = place
    while low > 0 and held[low - 1]:
        low -= 1
    while high < len(held) - 1 and held[high + 1]:
        high += 1
    return low, high
