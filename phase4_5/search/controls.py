"""Is it this latent, or any strong push? The grid again, with directions that mean nothing.

A flip shows that a push changed the program, not that the latent's meaning did. So the grid is
repeated with random directions of the same norm, and with the opposite direction, on the same
problems; what is left after a control is taken off is the latent's own effect.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from common.terms import SteeringType
from phase4_5.records import OPPOSITE
from phase4_5.search.cells import Cell

ControlDirections = Mapping[SteeringType, Mapping[str, torch.Tensor]]
"""What stands in the place of each latent: direction -> name of the control -> [d_model]."""


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


def control_directions(
    directions: Mapping[SteeringType, torch.Tensor], names: Sequence[str], seed: int
) -> ControlDirections:
    """The controls of these names for both directions."""
    return {
        steering_type: {
            name: control_direction(direction, name, steering_type, seed) for name in names
        }
        for steering_type, direction in directions.items()
    }


def spread_controls(
    cells: Sequence[Cell], controls: ControlDirections, per_problem: int, seed: int
) -> list[Cell]:
    """Each cell with some of the controls, so that each control meets about as many problems.

    Every control meets at least two problems, if there are as many.
    """
    problems = list(dict.fromkeys(cell.problem for cell in cells))
    order = list(range(len(problems)))
    random.Random(seed).shuffle(order)
    place = {problems[index]: n for n, index in enumerate(order)}
    spread: list[Cell] = []
    for cell in cells:
        names = list(controls[cell.steering_type])
        # A control of few problems could not be told from its problems.
        n_each = min(len(names), max(per_problem, -(-2 * len(names) // len(problems))))
        first = place[cell.problem] * n_each
        chosen = [names[(first + step) % len(names)] for step in range(n_each)]
        spread.extend(_in_place_of(cell, controls, chosen))
    return spread


def control_cells(cells: Sequence[Cell], controls: ControlDirections) -> list[Cell]:
    """Each cell once for each control."""
    return [
        control
        for cell in cells
        for control in _in_place_of(cell, controls, controls[cell.steering_type])
    ]


def _in_place_of(cell: Cell, controls: ControlDirections, names: Iterable[str]) -> Iterator[Cell]:
    for name in names:
        steering = replace(cell.steering, direction=controls[cell.steering_type][name])
        yield replace(cell, steering=steering, control=name)
