"""`RunConfig`: everything that decides what one training run computes.

Where a run takes place (device, workers, results root) is not here: it must not change the
numbers. Defaults are the paper's for CIFAR-100: [T] marks what its text says, [R] what the first
code release does, [I] what is inferred here, [C] the CRD protocol that the paper follows.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from pckd import method
from pckd.addresses import check_address
from pckd.data import check_known_data
from pckd.errors import InputError
from pckd.method import find_term
from pckd.method.presets import DEFAULT_METHOD, find_preset
from pckd.models import canonical_name
from pckd.near_misses import near_misses
from pckd.plugins import Plugin, load_plugins, loaded_plugins
from pckd.settings import Settings, told_to_pydantic
from pckd.training.changes import expand_shorthands
from pckd.training.loss_config import Loss
from pckd.training.scale import Scale

SLOW_LEARNERS = ("mobilenetv2", "shufflenetv1", "shufflenetv2")
"""Students with default learning rate 0.01 instead of 0.05 [R]."""


def _known_model(name: str) -> str:
    with told_to_pydantic():
        return canonical_name(name)


def _known_data(name: str) -> str:
    with told_to_pydantic():
        check_known_data(name)
    return name


ModelName = Annotated[str, AfterValidator(_known_model)]
Precision = Literal["fp32", "bf16"]
Compile = Literal["off", "default", "reduce-overhead"]


class DataConfig(Settings):
    """Images of a run; `data: cifar100` is short for `data: {name: cifar100}`."""

    name: Annotated[str, AfterValidator(_known_data)] = Field(description="name of the data set")
    root: str | None = Field(None, description="folder or URI that holds it; digits need none")
    download: bool = Field(False, description="fetch or unpack it in root where it is missing")
    loader_workers: int = Field(
        4, ge=0, description="processes that decode a streamed set, at most one a CPU core"
    )
    classes: tuple[int, ...] | None = Field(
        None, description="the classes to keep, renumbered in this order; all by default"
    )
    images_per_class: int | None = Field(
        None, ge=2, description="training images of each class to keep; all by default"
    )
    image_size: int | None = Field(
        None,
        ge=1,
        description="height and width in pixels that all images are resized to, as they are by "
        "default; a probe takes the size that its network knows",
    )
    holdout_fraction: float = Field(
        0.1, gt=0, lt=1, description="share of the training images held out by protocol holdout [I]"
    )
    holdout_seed: int = Field(0, ge=0, description="seed of the stratified held-out split")

    @field_validator("root")
    @classmethod
    def _from_anywhere(cls, root: str | None) -> str | None:
        """Make a relative folder absolute, because workers have other working directories."""
        if root is None:
            return None
        with told_to_pydantic():
            check_address(root, "data root")
        is_relative = "://" not in root and not root.startswith("~")
        return str(Path(root).absolute()) if is_relative else root


class OptimizationConfig(Settings):
    """Stochastic gradient descent with a stepped learning rate: CRD's recipe [R]."""

    epochs: int = Field(240, ge=1, le=100_000, description="passes over the training images [R]")
    batch_size: int = Field(
        64,
        ge=2,
        description="images in a global batch, before their rotated copies [R]; a "
        "single image that is left over joins the batch before it",
    )
    learning_rate: float = Field(
        0.05, gt=0, description="initial; 0.01 by default for MobileNetV2 and ShuffleNets [R]"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD [R]")
    weight_decay: float = Field(5e-4, ge=0, description="of SGD, on all parameters [R]")
    decay_at: tuple[float, ...] = Field(
        (0.625, 0.75, 0.875),
        description="shares of the epochs after which the rate drops: 150, 180, 210 of 240 [R]",
    )
    decay_factor: float = Field(0.1, gt=0, le=1, description="the rate's factor at each drop [R]")
    warmup_epochs: int = Field(
        0, ge=0, description="epochs in which the rate rises to its initial value [T: ImageNet]"
    )
    accumulation: int = Field(
        1,
        ge=1,
        description="parts of a batch, one after the other; BatchNorm and the difficulty's mean "
        "see a part at a time",
    )
    precision: Precision = Field(
        "fp32", description="of forward passes; bf16 is autocast, the objective stays in fp32"
    )
    compile: Compile = Field(
        "off", description="mode of torch.compile; reduce-overhead has CUDA graphs on a GPU"
    )

    @field_validator("decay_at")
    @classmethod
    def _rising_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if list(shares) != sorted(set(shares)) or not all(0 < share < 1 for share in shares):
            raise ValueError(f"{list(shares)} must rise and lie between 0 and 1")
        return shares

    @model_validator(mode="after")
    def _parts_hold_images(self) -> "OptimizationConfig":
        if self.accumulation > self.batch_size:
            raise ValueError(
                f"accumulation is {self.accumulation}: a batch of {self.batch_size} images has no "
                "more parts than images"
            )
        return self

    @model_validator(mode="after")
    def _warm_up_ends(self) -> "OptimizationConfig":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs}: it must be below epochs, {self.epochs}"
            )
        return self


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


def _content_hash(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text: write the hash in quotes")
    if not re.fullmatch("[0-9a-f]{8,64}", value):
        raise ValueError(
            f"{value!r} is no content hash: 8 to 64 of the digits 0-9 and a-f, as "
            "pckd teacher list shows them"
        )
    return value


class TeacherConfig(Settings):
    """The teacher; `teacher: wrn_40_2` is short for `teacher: {model: wrn_40_2}`.

    A teacher is trained once on the run's own training images and kept in the results root; one
    that is kept there already, for example an imported one, is named by its hash.
    """

    model: ModelName = Field(description="architecture")
    hash: Annotated[str, BeforeValidator(_content_hash)] | None = Field(
        None,
        description="content hash, or a unique beginning of 8 digits or more: a teacher of the "
        "store instead of one trained by recipe",
    )
    optimization: OptimizationConfig = Field(
        default_factory=OptimizationConfig, description="recipe of the teacher's own training [C]"
    )
    seed: int = Field(0, ge=0, description="of its weights and views")

    @model_validator(mode="before")
    @classmethod
    def _default_learning_rate(cls, values: Any) -> Any:  # noqa: ANN401
        return _with_learning_rate(values, "model")


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
        """As text with this process's plug-ins, wherever a run is sent to another process."""
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
    """Why the samples of a term cannot be weighted, '' where they can."""
    kind = find_term(term)
    if method.only_prepares(kind):
        return "only prepares the student"
    return "" if kind.per_sample else "is one number for the batch"


def _received(plugins: list[Plugin], run: str) -> RunConfig:
    """A run that another process sent; what it names is imported first."""
    load_plugins(plugins)
    return RunConfig.model_validate_json(run)


def expanded(values: Any) -> Any:  # noqa: ANN401
    """Write shorthands out, and lay a run's values over those of its method."""
    return _with_method(expand_shorthands(values))


def _with_method(values: Any) -> Any:  # noqa: ANN401
    """Lay a run's values over those of its method, and set its student's learning rate."""
    if not isinstance(values, Mapping):
        return values
    with told_to_pydantic():
        preset = find_preset(values.get("method", DEFAULT_METHOD))
    defaults = {
        "loss": preset.terms,
        "preview": preset.preview,
        "optimization": {**preset.optimization, **_slow_rate(values.get("student"))},
    }
    return {**values, **{key: _over(values.get(key, {}), below) for key, below in defaults.items()}}


def _over(given: Any, below: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Lay settings over others, mapping by mapping; of an object, only the fields that were set."""
    if isinstance(given, BaseModel):
        given = given.model_dump(exclude_unset=True)
    if not isinstance(given, Mapping):
        return given
    return {
        **below,
        **{
            key: _over(value, below[key]) if isinstance(below.get(key), Mapping) else value
            for key, value in given.items()
        },
    }


def _with_learning_rate(values: Any, model_key: str) -> Any:  # noqa: ANN401
    """Add the learning rate that suits the model, if the values give none."""
    if isinstance(values, str):
        values = {model_key: values}
    if not isinstance(values, Mapping):
        return values
    return {
        **values,
        "optimization": _over(values.get("optimization", {}), _slow_rate(values.get(model_key))),
    }


def _slow_rate(model: object) -> dict[str, float]:
    """Return the learning rate of a slow learner; unknown names are refused elsewhere."""
    try:
        is_slow = isinstance(model, str) and canonical_name(model) in SLOW_LEARNERS
    except InputError:
        is_slow = False
    return {"learning_rate": 0.01} if is_slow else {}
