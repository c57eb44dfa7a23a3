"""Samplers that propose a search's configurations: Optuna's, by name."""

import inspect
import warnings
import zlib
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from pydantic import Field, model_validator

from pckd.settings import Settings, near_misses


class CountingSampler(optuna.samplers.RandomSampler):
    """Optuna's random sampler, seeded by each point's number alone.

    A search that is interrupted proposes what an undisturbed one does.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seed = seed

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """Draw one value from the seed, the number of the trial and the parameter's name."""
        seed = zlib.crc32(f"{self.seed} {trial.number} {param_name}".encode())
        once = optuna.samplers.RandomSampler(seed)
        return once.sample_independent(study, trial, param_name, param_distribution)


SAMPLERS: Mapping[str, type[optuna.samplers.BaseSampler]] = {
    "tpe": optuna.samplers.TPESampler,
    "gp": optuna.samplers.GPSampler,
    "cmaes": optuna.samplers.CmaEsSampler,
    "qmc": optuna.samplers.QMCSampler,
    "random": CountingSampler,
    "nsga2": optuna.samplers.NSGAIISampler,
}
"""Optuna's samplers by the names that study files use."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "tpe": {"multivariate": True, "constant_liar": True},
    "qmc": {"scramble": True},
}
"""Defaults for weights that act together, and for trials that run side by side and are interrupted.
"""


class SamplerConfig(Settings):
    """Optuna's sampler; `sampler: tpe` is short for `sampler: {name: tpe}`."""

    name: str = Field("tpe", description=f"one of {', '.join(SAMPLERS)}")
    options: dict[str, Any] = Field(default_factory=dict, description="as Optuna names them")

    @model_validator(mode="after")
    def _known(self) -> "SamplerConfig":
        if self.name not in SAMPLERS:
            allowed = list(SAMPLERS)
            raise ValueError(
                f"sampler {self.name!r} is not known{near_misses(self.name, allowed)}; "
                f"allowed: {', '.join(allowed)}"
            )
        known = set(inspect.signature(SAMPLERS[self.name]).parameters) - {"seed"}
        for option in self.options:
            if option not in known:
                raise ValueError(
                    f"sampler {self.name} has no option {option!r}"
                    f"{near_misses(option, sorted(known))}; allowed: {', '.join(sorted(known))}"
                )
        if self.name == "qmc" and not self.options.get("scramble", True):
            raise ValueError(
                "sampler qmc needs scramble: true, or a search that is interrupted would propose "
                "its first points again"
            )
        return self

    def create(self, seed: int, known: int, *, conditional: bool) -> optuna.samplers.BaseSampler:
        """Make the sampler, which continues where an earlier one ended.

        Args:
            seed: Of its random numbers; a sampler that has none ignores it.
            known: Configurations that were proposed before. Added to the seed, or a sampler would
                propose its first points again; the random one counts instead.
            conditional: Whether some parameters depend on others, which TPE models in groups.
        """
        grouped = {"group": conditional} if self.name == "tpe" else {}
        options = {**DEFAULTS.get(self.name, {}), **grouped, **self.options}
        if "seed" in inspect.signature(SAMPLERS[self.name]).parameters:
            options["seed"] = seed if self.name == "random" else (seed + known) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return SAMPLERS[self.name](**options)


def named_sampler(value: Any) -> Any:  # noqa: ANN401
    """Write out `tpe` as `{name: tpe}`."""
    return {"name": value} if isinstance(value, str) else value
