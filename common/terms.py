"""The few words that every phase shares; a leaf that imports nothing heavy."""

from typing import Literal, get_args

SteeringType = Literal["correct", "incorrect"]
"""A direction: towards right programs, or towards wrong ones."""
STEERING_TYPES: tuple[SteeringType, ...] = get_args(SteeringType)

ResidualSite = Literal["resid_pre", "resid_post"]
"""Where a latent is read and written: the input of block L, or its output."""
