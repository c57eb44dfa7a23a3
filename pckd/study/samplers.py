"""Samplers that propose a search's configurations: Optuna's, by name."""

import inspect
import warnings
import zlib
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from pckd.errors import InputError, first_line
from pckd.near_misses import near_misses
from pckd.study.sampler_config import SamplerConfig
from pckd.study.search_config import SearchConfig
from pckd.study.space import Point

KNOWN = 12
"""Points that are known when a sampler is tried: more than most samplers draw at random first."""


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


def create_sampler(search: SearchConfig, known: int) -> optuna.samplers.BaseSampler:
    """Make the sampler of a search, which continues where an earlier one ended.

    TPE models parameters that depend on others in groups.

    Args:
        search: Its settings; a sampler that has no random numbers ignores the seed.
        known: Configurations that were proposed before. Added to the seed, or a sampler would
            propose its first points again; the random one counts instead.
    """
    name, seed = search.sampler.name, search.seed
    conditional = any(parameter.when for parameter in search.parameters.values())
    grouped = {"group": conditional} if name == "tpe" else {}
    options = {**DEFAULTS.get(name, {}), **grouped, **search.sampler.options}
    if "seed" in inspect.signature(SAMPLERS[name]).parameters:
        options["seed"] = seed if name == "random" else (seed + known) % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name](**options)


def check_sampler(search: SearchConfig) -> None:
    """Let the sampler of a search propose a point after some random ones, in memory.

    Raises:
        InputError: It has no such option, or Optuna does not take it; then the reason is Optuna's.
    """
    _check_options(search.sampler)
    random = optuna.samplers.RandomSampler(0)
    try:
        study = optuna.create_study(directions=search.directions, sampler=random)
        for number in range(KNOWN):
            trial = study.ask()
            search.suggest(trial)
            study.tell(trial, [float(number)] * len(search.directions))
        study.sampler = create_sampler(search, KNOWN)
        search.suggest(study.ask())
    except Exception as error:  # an option is handed on as it is, and fails as it likes
        sampler = search.sampler
        raise InputError(
            f"search.sampler {sampler.name} with options {sampler.options}: {first_line(error)}"
        ) from None


def drawn_first(search: SearchConfig) -> int:
    """Points that the sampler of a search draws at random before it learns; 0 if it never does."""
    option = inspect.signature(SAMPLERS[search.sampler.name]).parameters.get("n_startup_trials")
    return 0 if option is None else int(search.sampler.options.get(option.name, option.default))


def random_points(search: SearchConfig, count: int) -> list[Point]:
    """Random points of a search, the same whenever they are asked for."""
    study = optuna.create_study(sampler=CountingSampler(search.seed))
    return [search.suggest(study.ask()) for _ in range(count)]


def _check_options(sampler: SamplerConfig) -> None:
    known = sorted(set(inspect.signature(SAMPLERS[sampler.name]).parameters) - {"seed"})
    for option in sampler.options:
        if option not in known:
            raise InputError(
                f"search.sampler {sampler.name} has no option {option!r}"
                f"{near_misses(option, known)}; allowed: {', '.join(known)}"
            )
