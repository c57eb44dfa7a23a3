"""Settings of a search: its space, or one a case; its budget, objectives and early stopping."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from pckd.settings import Settings
from pckd.study.parameter import Parameter
from pckd.study.sampler_config import SamplerConfig, named_sampler
from pckd.study.space import Space

EPOCHS = "optimization.epochs"
"""The key of a trial's budget."""


class StopConfig(Settings):
    """Early stopping of hopeless trials, by a scheduler of Ray Tune."""

    scheduler: Literal["asha", "median"] = Field("asha", description="Ray Tune's scheduler")
    grace_epochs: int = Field(1, ge=1, description="no trial is stopped before this epoch")
    reduction_factor: float | None = Field(
        None, gt=1, description="of ASHA: one in so many goes on, 3 by default"
    )

    @model_validator(mode="after")
    def _own_options(self) -> "StopConfig":
        if self.scheduler != "asha" and self.reduction_factor is not None:
            raise ValueError(f"reduction_factor is for asha: {self.scheduler} has none")
        return self

    @property
    def text(self) -> str:
        """The rule as JSON, by which two are compared."""
        return self.model_dump_json()


class SearchConfig(Space):
    """A search; where the cases of a study are searched, each has a space, and all one budget."""

    trials: int = Field(ge=1, description="configurations to try, in each case that has a space")
    parameters: dict[str, Parameter] = Field(
        default_factory=dict,
        description="what is searched, by dotted key; `when` looks at keys above",
    )
    spaces: dict[str, Space] = Field(
        default_factory=dict,
        description="the space of each case, by its name, instead of parameters",
    )
    sampler: Annotated[SamplerConfig, BeforeValidator(named_sampler)] = Field(
        default_factory=SamplerConfig, description="proposes the configurations: one of Optuna's"
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of the sampler")
    objectives: tuple[Literal["accuracy", "seconds", "flops"], ...] = Field(
        ("accuracy",), min_length=1, description="accuracy is maximised, a cost minimised"
    )
    stop: StopConfig | None = Field(None, description="early stopping; none by default")

    @model_validator(mode="after")
    def _consistent(self) -> "SearchConfig":
        if not (self.parameters or self.spaces):
            raise ValueError("parameters: a search needs some, or spaces: those of each case")
        if self.spaces and (self.parameters or self.first or self.start_from):
            raise ValueError(
                "parameters, first and from belong to each space where there are spaces"
            )
        if self.stop and len(self.objectives) > 1:
            raise ValueError("early stopping needs one objective, accuracy")
        if self.objectives[0] != "accuracy":
            raise ValueError("the first objective must be accuracy")
        return self

    @property
    def directions(self) -> list[Literal["maximize", "minimize"]]:
        """Optuna's name for the direction of each objective."""
        return ["maximize" if name == "accuracy" else "minimize" for name in self.objectives]

    def of_case(self, name: str) -> "SearchConfig":
        """The search of one case, with the budget that all have."""
        space = self.spaces[name]
        own = {field: getattr(space, field) for field in Space.model_fields}
        return self.model_copy(update={**own, "spaces": {}})
