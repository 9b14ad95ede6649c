"""The settings of the pipeline: command line > environment > profile > default.

Every field is set by the environment variable `PVA_SAE_<FIELD>` in capitals.
"""

import difflib
import json
import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from common.errors import InputError
from common.project import REPOSITORY_ROOT as REPOSITORY_ROOT
from common.project import is_checkout
from common.terms import ResidualSite

ENV_PREFIX = "PVA_SAE_"
MAX_TEMPERATURE = 100.0
MANY = 1_000_000
"""More of anything is a slip of the pen, which would fill the memory before anything said so."""

PROFILES: dict[str, dict[str, Any]] = {
    # The small model in this repository: needs no download and no GPU.
    "embedded": {
        "model_name": "embedded/model",
        "sae_source": "embedded/saes",
        "sae_id_template": "layer_{layer}",
        "problems_path": "embedded/problems.jsonl",
        "plain_text_path": "embedded/plain_text.txt",
        "split_fractions": [0.45, 0.30, 0.25],
        "phase3_5_temperatures": [0.0, 0.6, 1.2],
        "phase3_5_samples_per_temperature": 2,
        "max_new_tokens": 160,
        "generation_lanes": 128,  # A pass has costs that so small a model hardly adds to.
        # Of ten problems the search learns too little; 102 are left to evaluate on.
        "phase4_5_problems_per_coeff": 24,
        "phase4_5_random_controls": 0,
        "phase4_5_opposite_control": False,
        "run_missing_phases": True,
    },
    # The setting of the published study (arXiv 2510.02917).
    "gemma-2-2b": {
        "model_name": "google/gemma-2-2b",
        "sae_source": "gemma-scope-2b-pt-res-canonical",
        "sae_id_template": "layer_{layer}/width_16k/canonical",
        "problems_path": (
            "google-research-datasets/mbpp@4bb6404fdc6cacfda99d4ac4205087b89d32030c/full"
        ),
        "plain_text_path": "NeelNanda/pile-10k@127bfedcd5047750df5ccf3a12979a47bfa0bafa",
        # The study's splits hold 489, 97 and 388 problems.
        "split_fractions": [489 / 974, 97 / 974, 388 / 974],
    },
}


def _parse_list(value: Any) -> Any:
    """Read a list given as `1,3,10` or as JSON; leave anything else to the validation."""
    if not isinstance(value, str):
        return value
    try:
        if value.strip().startswith("["):
            return json.loads(value)
        return [float(part) for part in value.split(",")]
    except ValueError as error:
        raise ValueError("numbers are allowed, as 1,3,10 or as JSON [1, 3, 10]") from error


def _check_numbers(values: list[float]) -> list[float]:
    if not values:
        raise ValueError("at least one number is needed")
    if any(not math.isfinite(value) or value < 0 for value in values):
        raise ValueError("finite numbers of at least 0 are allowed")
    if len({f"{value:g}" for value in values}) != len(values):
        raise ValueError("each number is allowed once")
    return values


def _check_temperatures(values: list[float]) -> list[float]:
    if max(values) > MAX_TEMPERATURE:
        raise ValueError(f"temperatures of at most {MAX_TEMPERATURE:g} are allowed")
    return values


def _check_template(template: str) -> str:
    try:
        template.format(layer=0)
    except (ValueError, LookupError, AttributeError) as error:
        raise ValueError("only {layer} may stand in braces") from error
    return template


def _check_steers(values: list[float]) -> list[float]:
    if not any(values):
        raise ValueError("0 is no steering, which is always run; add a coefficient above 0")
    return values


def _check_fractions(values: list[float]) -> list[float]:
    in_range = all(0 < value < 1 for value in values)
    if len(values) != 3 or not in_range or abs(sum(values) - 1) > 1e-6:
        raise ValueError("three fractions between 0 and 1 that sum to 1 (sae, hyperparams, rest)")
    return values


NumberList = Annotated[
    list[float], NoDecode, BeforeValidator(_parse_list), AfterValidator(_check_numbers)
]
Grid = Annotated[NumberList, AfterValidator(_check_steers)]
Temperatures = Annotated[NumberList, AfterValidator(_check_temperatures)]
FractionList = Annotated[
    list[float], NoDecode, BeforeValidator(_parse_list), AfterValidator(_check_fractions)
]


class _ProfileSource(PydanticBaseSettingsSource):
    """The values of the chosen profile: above the defaults, below the environment."""

    def __init__(self, settings_cls: type[BaseSettings], init_values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._init_values = init_values

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        name = self._init_values.get("profile") or os.environ.get(f"{ENV_PREFIX}PROFILE")
        return dict(PROFILES.get(name or "embedded", {}))


class Config(BaseSettings):
    """All settings, flat. `load_config` makes one and turns errors into one line."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    # === WHERE THINGS ARE ===
    profile: Literal["embedded", "gemma-2-2b"] = "embedded"
    data_dir: str = "data"
    phase2_5_output_dir: str = ""
    phase3_5_output_dir: str = ""
    phase3_6_output_dir: str = ""
    phase4_5_output_dir: str = ""

    # === MODEL AND SAE ===
    model_name: str = Field(min_length=1)
    """A local folder or a Hugging Face id (`owner/name`, `owner/name@revision`)."""
    model_gguf_file: str | None = None
    """The name of a GGUF file in the model's folder, to load that instead of safetensors."""
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on CUDA, float32 elsewhere."""
    device_map: Literal["auto"] | None = None
    """auto: spread a model that is too large for one GPU over all of them."""
    trust_remote_code: bool = False
    """Run code that comes with a model's weights."""
    sae_source: str = Field(min_length=1)
    """A local folder of SAEs or a release of sae-lens."""
    sae_id_template: Annotated[str, AfterValidator(_check_template)] = "layer_{layer}"
    """An SAE's folder or id inside its source."""
    residual_site: ResidualSite = "resid_pre"
    """Where a latent is read and written: the input of block L, or its output."""

    # === PROBLEMS ===
    problems_path: str = Field(min_length=1)
    """A local JSONL or parquet file, or a Hugging Face dataset (`owner/name@revision/folder`),
    in MBPP's form."""
    prompt_style: Literal["solution", "function"] = "solution"
    split_fractions: FractionList = [0.5, 0.1, 0.4]
    """Shares of the problems for the splits sae, hyperparams and validation."""
    start_index: int = Field(default=0, ge=0, lt=2**63)
    end_index: int | None = Field(default=None, ge=1, lt=2**63)
    """The part of a phase's problems that is used: from start up to, not including, end."""
    seed: int = Field(default=42, ge=0, lt=2**63)

    # === GENERATION AND JUDGING ===
    max_new_tokens: int = Field(default=500, ge=1, le=MANY)
    generation_mode: Literal["lanes", "sequential"] = "lanes"
    """lanes: decode many texts together; sequential: one at a time. The tokens are the same."""
    generation_lanes: int = Field(default=28, ge=1, le=MANY)
    """How many texts are decoded together at most; fewer where memory is short."""
    timeout_seconds: float = Field(default=5.0, gt=0, le=600)
    memory_limit_mb: int = Field(default=1024, ge=64, le=2**24)
    sandbox: Literal["auto", "strict"] = "auto"
    """strict: run no generated program where it can't be isolated fully."""

    # === FEATURES (Phase 2.5) ===
    phase2_5_top_k: int = Field(default=20, ge=1, le=MANY)
    plain_text_path: str = Field(min_length=1)
    """Plain text on which a latent that stands for validity should stay silent: a local file
    with a paragraph a line, or a Hugging Face dataset with a column `text`."""
    plain_text_max_rate: float = Field(default=0.02, gt=0, le=1)
    """Latents firing on more than this fraction of plain-text tokens are left out."""
    plain_text_max_tokens: int = Field(default=20000, ge=100, lt=2**63)

    # === TEMPERATURE ROBUSTNESS (Phase 3.5) ===
    phase3_5_temperatures: Temperatures = [0.0, 0.3, 0.6, 0.9, 1.2]
    phase3_5_samples_per_temperature: int = Field(default=5, ge=1, le=MANY)

    # === STEERING COEFFICIENT SELECTION (Phase 4.5) ===
    baseline: Literal["reproduced", "as_given"] | None = None
    """What flips are counted against where the given baseline isn't reproduced here: the programs
    reproduced here, or the file's. None: those reproduced, and no recommendation if too many
    verdicts differ."""
    phase4_5_coefficients: Grid = [1, 3, 10, 30, 100, 300, 1000]
    phase4_5_problems_per_coeff: int = Field(default=10, ge=1, le=MANY)
    phase4_5_refine_evaluations: int = Field(default=0, ge=0, le=MANY)
    """Coefficients that may be added between the two best neighbours, for each direction."""
    phase4_5_random_controls: int = Field(default=1, ge=0, le=MANY)
    """Random directions with which the grid is repeated, for each direction: a picture."""
    phase4_5_opposite_control: bool = True
    """Repeat the grid with the opposite direction."""
    phase4_5_final_eval_problems: int = Field(default=100, ge=0, le=MANY)
    """Problems outside the search on which the chosen coefficients are evaluated, at most."""
    phase4_5_final_controls: int = Field(default=20, ge=0, le=MANY)
    """Random directions, at the chosen strength, with which the latent's effect is compared there;
    below 2 there is no comparison, below 19 no verdict of `supported`."""
    phase4_5_final_controls_per_problem: int = Field(default=5, ge=2, le=MANY)
    """With how many of them each problem is tried; one alone couldn't be told from the problem."""
    phase4_5_latent_controls: int = Field(default=0, ge=0, le=MANY)
    """Latents that separate nothing, of the nearest firing rates, with which it is compared too."""
    phase4_5_max_kl: float | None = Field(default=None, gt=0)
    """The largest mean KL divergence, in nats a token, of a coefficient that qualifies; None
    bounds it not at all."""
    phase4_5_replace_choice: bool = False
    """Let the recommendation replace a coefficient that a person has chosen."""

    # === RUNNING ===
    executor: Literal["local", "ray"] = "local"
    """Where Phase 4.5's grid is computed: in this process, or by workers of Ray."""
    ray_address: str | None = None
    """A Ray cluster to join (`HOST:PORT`, or `auto` for one that runs on this machine); None
    starts Ray on this machine alone."""
    run_missing_phases: bool = False
    """Run missing earlier phases first (cheap on the embedded model)."""
    fresh: bool = False
    """Compute anew what an earlier run of the phase has finished."""

    @model_validator(mode="after")
    def _fill_output_dirs(self) -> Self:
        for phase in ("phase2_5", "phase3_5", "phase3_6", "phase4_5"):
            field = f"{phase}_output_dir"
            if not getattr(self, field):
                object.__setattr__(self, field, str(Path(self.data_dir) / phase))
        if self.end_index is not None and self.end_index <= self.start_index:
            raise ValueError(
                f"end_index ({self.end_index}) must be above start_index ({self.start_index})"
            )
        if "{layer}" not in self.sae_id_template:
            raise ValueError("sae_id_template must hold {layer}")
        if self.ray_address is not None and self.executor != "ray":
            raise ValueError(
                f"ray_address={self.ray_address!r} is only for Ray; add --executor ray "
                "(PVA_SAE_EXECUTOR=ray), or leave the address out"
            )
        if self.device_map is not None and self.executor == "ray":
            raise ValueError(
                "device_map='auto' doesn't go with --executor ray, whose workers have one GPU "
                "each; use --executor local"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _ProfileSource(settings_cls, init_settings())

    def output_dir(self, phase: str) -> Path:
        """The folder of a phase's outputs, e.g. `data/phase4_5` for "4.5"."""
        return Path(getattr(self, f"phase{phase.replace('.', '_')}_output_dir"))


def load_config(**overrides: Any) -> Config:
    """Make the configuration; `overrides` (the command line's) that are None are ignored.

    Raises:
        InputError: a value is wrong or a `PVA_SAE_` variable is unknown; one line that names
            the variable, the value and what is allowed.
    """
    _refuse_unknown_variables()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Config(**given)
    except ValidationError as error:
        raise InputError(_one_line(error, given)) from error


def _refuse_unknown_variables() -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Config.model_fields}
    for variable in os.environ:
        if variable.startswith(ENV_PREFIX) and variable not in known:
            close = difflib.get_close_matches(variable, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; see docs/configuration.md"
            raise InputError(f"{variable}: no such setting{hint}")


def _one_line(error: ValidationError, given: dict[str, Any]) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    field = str(first["loc"][0])
    if field in given:
        return f"{field}={given[field]!r}: {message}"
    variable = f"{ENV_PREFIX}{field.upper()}"
    return f"{variable}={os.environ.get(variable, '')!r}: {message}"


def resolve_path(path: str) -> Path:
    """A path as given if it exists from here, else one inside the repository.

    Where the project is installed, only `embedded/...` is looked for beside it: the folder holds
    other people's packages.
    """
    given = Path(path)
    if given.is_absolute() or given.exists():
        return given
    if given.parts[:1] != ("embedded",) and not is_checkout():
        return given
    inside = REPOSITORY_ROOT / given
    return inside if inside.exists() else given
