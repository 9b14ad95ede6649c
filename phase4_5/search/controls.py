"""Is it this latent, or any strong push? The grid again, with directions that mean nothing.

A flip shows that a push changed the program, not that the latent's meaning did. So the grid is
repeated with random directions of the same norm, and with the opposite direction, on the same
problems; what is left after a control is taken off is the latent's own effect.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, product

import torch

from common.terms import SteeringType
from phase4_5.records import OPPOSITE
from phase4_5.search.cells import Cell


def control_direction(
    direction: torch.Tensor, name: str, steering_type: SteeringType, seed: int
) -> torch.Tensor:
    """The direction of a control, of the norm, shape, dtype and device of `direction` [d_model].

    A random one is drawn on the sphere; it depends on the seed, its name and the steering type
    alone.
    """
    if name == OPPOSITE:
        return -direction
    digest = hashlib.sha256(f"{seed} {steering_type} {name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    drawn = torch.randn(direction.shape, generator=generator, dtype=torch.float64)
    drawn *= direction.double().norm().cpu() / drawn.norm()
    return drawn.to(direction.device, direction.dtype)


def spread_controls(
    cells: Sequence[Cell], names: Sequence[str], per_problem: int, seed: int
) -> list[Cell]:
    """Each cell with some of the controls, so that each control meets about as many problems.

    Every control meets at least two problems, if there are as many; the cells of a problem have the
    same controls and stand together.
    """
    if not names:
        return []
    problems = list(dict.fromkeys(cell.problem for cell in cells))
    # A control of few problems could not be told from its problems.
    wanted = max(per_problem, -(-2 * len(names) // len(problems)))
    n_each = min(len(names), wanted)
    order = list(range(len(problems)))
    random.Random(seed).shuffle(order)
    first = {problems[place]: n * n_each for n, place in enumerate(order)}
    spread: list[Cell] = []
    for problem, group in groupby(cells, lambda cell: cell.problem):
        chosen = [names[(first[problem] + step) % len(names)] for step in range(n_each)]
        spread.extend(control_cells(list(group), chosen, seed))
    return spread


def control_cells(cells: Sequence[Cell], names: Sequence[str], seed: int) -> Iterator[Cell]:
    """Each cell once for each control, a problem's together."""
    directions: dict[tuple[str, str], torch.Tensor] = {}
    for _, group in groupby(cells, lambda cell: cell.problem):
        of_problem = list(group)
        for name, cell in product(names, of_problem):
            key = cell.steering_type, name
            if key not in directions:
                directions[key] = control_direction(
                    cell.steering.direction, name, cell.steering_type, seed
                )
            steering = replace(cell.steering, direction=directions[key])
            yield replace(cell, steering=steering, control=name)
