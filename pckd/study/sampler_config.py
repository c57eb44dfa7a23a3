"""Settings of a search's sampler: one of Optuna's, by name. Imports no Optuna.

`pckd.study.samplers` makes the sampler, and knows its options.
"""

from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from pckd.near_misses import near_misses
from pckd.settings import Settings

SamplerName = Literal["tpe", "gp", "cmaes", "qmc", "random", "nsga2"]

NAMES = get_args(SamplerName)


class SamplerConfig(Settings):
    """Optuna's sampler; `sampler: tpe` is short for `sampler: {name: tpe}`."""

    name: str = Field("tpe", description=f"one of {', '.join(NAMES)}")
    options: dict[str, Any] = Field(default_factory=dict, description="as Optuna names them")

    @model_validator(mode="after")
    def _known(self) -> "SamplerConfig":
        if self.name not in NAMES:
            raise ValueError(
                f"sampler {self.name!r} is not known{near_misses(self.name, list(NAMES))}; "
                f"allowed: {', '.join(NAMES)}"
            )
        if self.name == "qmc" and not self.options.get("scramble", True):
            raise ValueError(
                "sampler qmc needs scramble: true, or a search that is interrupted would propose "
                "its first points again"
            )
        return self


def named_sampler(value: Any) -> Any:  # noqa: ANN401
    """Write out `tpe` as `{name: tpe}`."""
    return {"name": value} if isinstance(value, str) else value
