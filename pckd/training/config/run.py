"""One run, and the settings of its samples."""

import sys
from typing import Any, Literal

from pydantic import Field, model_validator

from pckd import method
from pckd.method import find_term
from pckd.method.presets import DEFAULT_METHOD
from pckd.near_misses import near_misses
from pckd.plugins import Plugin, load_plugins, loaded_plugins
from pckd.settings import Settings
from pckd.training.config.data import DataConfig
from pckd.training.config.defaults import expanded
from pckd.training.config.optimization import OptimizationConfig
from pckd.training.config.teacher import ModelName, TeacherConfig
from pckd.training.loss_config import Loss
from pckd.training.scale import Scale


class PreviewConfig(Settings):
    """Weighting of samples by difficulty, Eq. 5 to 7; the defaults are the method's."""

    strategy: Literal["preview", "none", "curriculum", "focal"] = Field(
        "preview", description="the paper's, or what it compares with"
    )
    growth_rate: float = Field(
        1.005,
        ge=1,
        le=2,
        description="threshold = growth_rate ** epoch [R]; 1.015 for ResNet20 is [I]",
    )
    applies_to: tuple[str, ...] = Field(
        ("kd", "center_contrast"),
        description="terms that are weighted, each with values per sample",
    )


class ViewConfig(Settings):
    """Random views of an image: crop and horizontal flip."""

    crop_padding: int = Field(
        4,
        ge=0,
        le=1024,
        description="pixels of black around the image [T]; not used for streamed sets",
    )
    flip: bool = Field(True, description="mirror half of the views [T]; the release does not [R]")


class RunConfig(Settings):
    """One run: from images, teacher and weights to a trained student."""

    data: DataConfig = Field(description="the images")
    student: ModelName = Field(description="architecture")
    teacher: TeacherConfig | None = Field(None, description="not needed for plain cross entropy")
    method: str = Field(
        DEFAULT_METHOD, description="its terms, sample weights and recipe are the defaults"
    )
    loss: Loss = Field(description="the terms that are added, each with its weight")
    preview: PreviewConfig = Field(description="sample weights")
    views: ViewConfig = Field(default_factory=ViewConfig, description="crops and flips")
    optimization: OptimizationConfig = Field(
        default_factory=OptimizationConfig, description="the student's recipe"
    )
    protocol: Literal["holdout", "paper"] = Field(
        "paper",
        description="holdout: select on held-out training images, test once; "
        "paper: train on all, evaluate on the test images every epoch [C]",
    )
    scale: Scale = Field(
        "full", description="smoke: a small run that shows that all works, and nothing else"
    )
    seed: int = Field(0, ge=0, description="of the student's weights and of the stream of views")
    bank: bool = Field(
        False,
        description="round the teacher's features to half precision and keep them for later "
        "epochs and trials; true by default in studies",
    )

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, values: Any) -> Any:  # noqa: ANN401
        return expanded(values)

    @model_validator(mode="after")
    def _teacher_where_needed(self) -> "RunConfig":
        if self.needs_teacher and self.teacher is None:
            asking = [*self.loss.that_need(lambda needs: needs.teacher), *self.loss.prepared]
            taught = dict.fromkeys(asking)
            raise ValueError(
                f"teacher is missing: name one, or set the weight of {', '.join(taught)} to 0"
            )
        return self

    @model_validator(mode="after")
    def _weighted_terms_have_samples(self) -> "RunConfig":
        faults = {name: _unweighted(name) for name in self.loss}
        allowed = [name for name, fault in faults.items() if not fault]
        for name in self.preview.applies_to:
            if name in allowed:
                continue
            fault = faults.get(name, "is not a term of the run")
            raise ValueError(
                f"preview.applies_to: {name} {fault}{near_misses(name, allowed)}; "
                f"allowed: {', '.join(allowed)}"
            )
        return self

    @model_validator(mode="after")
    def _threshold_is_finite(self) -> "RunConfig":
        rate, epochs = self.preview.growth_rate, self.optimization.epochs
        try:
            rate**epochs
        except OverflowError:
            raise ValueError(
                f"preview.growth_rate is {rate:g}: its threshold is no finite number after "
                f"{epochs} epochs; take less than {sys.float_info.max ** (1 / epochs):.4f}"
            ) from None
        return self

    @property
    def needs_teacher(self) -> bool:
        """Return whether any term that is on needs a teacher, in training or before it."""
        return self.loss.needs.teacher or bool(self.loss.prepared)

    @property
    def teacher_hash(self) -> str | None:
        """Hash by which the run names its teacher, if it needs one and names it so."""
        return self.teacher.hash if self.teacher and self.needs_teacher else None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as text with this process's plug-ins, for another process."""
        return _received, (loaded_plugins(), self.model_dump_json())

    def teacher_run(self) -> "RunConfig":
        """The run that trains this run's teacher: plain cross entropy on the same images.

        It does not describe a teacher that is named by its hash.

        Raises:
            ValueError: The run has no teacher.
        """
        if self.teacher is None:
            raise ValueError("the run has no teacher")
        return RunConfig.model_validate(
            {
                "data": self.data,
                "student": self.teacher.model,
                "method": "cross_entropy",
                "views": self.views,
                "optimization": self.teacher.optimization,
                "protocol": self.protocol,
                "scale": self.scale,
                "seed": self.teacher.seed,
            }
        )


def _unweighted(term: str) -> str:
    """Reason why the samples of a term cannot be weighted, '' where they can."""
    kind = find_term(term)
    if method.only_prepares(kind):
        return "only prepares the student"
    return "" if kind.per_sample else "is one number for the batch"


def _received(plugins: list[Plugin], run: str) -> RunConfig:
    """A run that another process sent; what it names is imported first."""
    load_plugins(plugins)
    return RunConfig.model_validate_json(run)
