"""`RunConfig`: everything that decides what one training run computes.

Where a run takes place (device, workers, results root) is not here: it must not change the numbers.
Defaults are the paper's for CIFAR-100; [T], [R], [C], [I] mark their source as in
`pckd.method.losses`, with [C] for the CRD protocol that the paper follows.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from pckd.addresses import refuse_secrets
from pckd.data import list_data
from pckd.errors import InputError
from pckd.method import TERMS
from pckd.models import canonical_name
from pckd.settings import Settings, near_misses, with_changes

SLOW_LEARNERS = ("mobilenetv2", "shufflenetv1", "shufflenetv2")
"""Students whose default learning rate is 0.01 instead of 0.05 [R]."""


def _known_model(name: str) -> str:
    try:
        return canonical_name(name)
    except InputError as error:
        raise ValueError(str(error)) from None


def _known_data(name: str) -> str:
    if name not in list_data():
        raise ValueError(
            f"data set {name!r} is not known{near_misses(name, list_data())}; "
            f"allowed: {', '.join(list_data())}"
        )
    return name


ModelName = Annotated[str, AfterValidator(_known_model)]
Precision = Literal["fp32", "bf16"]
Compile = Literal["off", "default", "reduce-overhead"]
Scale = Literal["full", "smoke"]


class DataConfig(Settings):
    """Which images a run sees; `data: cifar100` is short for `data: {name: cifar100}`."""

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
        """A relative folder becomes an absolute one: workers run in folders of their own."""
        try:
            refuse_secrets(root or "", "data root")
        except InputError as error:
            raise ValueError(str(error)) from None
        is_relative = root is not None and "://" not in root and not root.startswith("~")
        return str(Path(root).absolute()) if root is not None and is_relative else root


class OptimizationConfig(Settings):
    """Stochastic gradient descent with a stepped learning rate: CRD's recipe [R]."""

    epochs: int = Field(240, ge=1, description="passes over the training images [R]")
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

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1: drops act from the epoch after a share.

        With w epochs of warm-up the rate of epoch e is multiplied by e / (w + 1) where that is
        below 1: equal steps from epoch to epoch, the first full rate in epoch w + 1. The text has
        a warm-up for ImageNet [T], its length and form are lost [I].
        """
        drops = sum(epoch > int(share * self.epochs + 0.5) for share in self.decay_at)
        warmth = min(1.0, epoch / (self.warmup_epochs + 1))
        return float(self.learning_rate * warmth * self.decay_factor**drops)


class LossConfig(Settings):
    """The weights of Eq. 8 and what its terms need."""

    cross_entropy: float = Field(1.0, ge=0, description="weight of the cross entropy [R]")
    kd: float = Field(1.0, ge=0, description="weight of Eq. 1; lost from the text, 1 is [I]")
    center_contrast: float = Field(0.05, ge=0, description="weight of Eq. 4 [R]")
    feature_alignment: float = Field(20.0, ge=0, description="weight of Eq. 2 [R]")
    center_alignment: float = Field(1.0, ge=0, description="weight of Eq. 3 [R]")
    temperature: float = Field(4.0, gt=0, description="T of Eq. 1 [R]")
    contrast_form: Literal["paper", "release"] = Field(
        "paper", description="which form of Eq. 4: the text's or the released code's"
    )
    contrast_temperature: float = Field(
        0.1, gt=0, description="tau of Eq. 4: by default 0.1 for paper [I], 4 for release [R]"
    )
    alignment_width: int = Field(
        16, ge=1, description="hidden width of the head of Eq. 2, in teacher widths [R]"
    )

    @model_validator(mode="before")
    @classmethod
    def _temperature_of_form(cls, values: Any) -> Any:  # noqa: ANN401
        if isinstance(values, Mapping) and values.get("contrast_form") == "release":
            return {"contrast_temperature": 4.0, **values}
        return values

    @model_validator(mode="after")
    def _some_term(self) -> "LossConfig":
        if not any(self.weights().values()):
            raise ValueError("every weight is 0: at least one term must be on")
        return self

    def weights(self) -> dict[str, float]:
        """The weight of each term of Eq. 8, by name."""
        return {term: float(getattr(self, term)) for term in TERMS}

    @property
    def needs_teacher(self) -> bool:
        """Whether any term but the cross entropy is on."""
        return any(weight for term, weight in self.weights().items() if term != "cross_entropy")

    @property
    def copies(self) -> int:
        """Rotated copies of each image that the terms look at: 4 where FA or CC is on, else 1."""
        return 4 if self.center_contrast or self.feature_alignment else 1


class PreviewConfig(Settings):
    """How samples are weighted by their difficulty, Eq. 5 to 7."""

    strategy: Literal["preview", "none", "curriculum", "focal"] = Field(
        "preview", description="the paper's, or what it compares with"
    )
    growth_rate: float = Field(
        1.005,
        ge=1,
        le=2,
        description="threshold = growth_rate ** epoch [R]; 1.015 for ResNet20 is [I]",
    )
    applies_to: tuple[Literal["cross_entropy", "kd", "center_contrast"], ...] = Field(
        ("kd", "center_contrast"), description="the terms that are weighted; Table VII: the first"
    )


class ViewConfig(Settings):
    """How the views of an image are drawn: random crop, horizontal flip."""

    crop_padding: int = Field(
        4, ge=0, description="pixels of black around the image [T]; not used for streamed sets"
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
    loss: LossConfig = Field(default_factory=LossConfig, description="the terms of Eq. 8")
    preview: PreviewConfig = Field(default_factory=PreviewConfig, description="sample weights")
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
        return _with_learning_rate(expand_shorthands(values), "student")

    @model_validator(mode="after")
    def _teacher_where_needed(self) -> "RunConfig":
        if self.loss.needs_teacher and self.teacher is None:
            raise ValueError(
                "teacher is missing: name one, or set the weights of kd, center_contrast, "
                "feature_alignment and center_alignment to 0"
            )
        return self

    @property
    def teacher_hash(self) -> str | None:
        """The hash by which the run names the teacher that it needs, if it does so."""
        return self.teacher.hash if self.teacher and self.loss.needs_teacher else None

    def teacher_run(self) -> "RunConfig":
        """The run that trains this run's teacher: plain cross entropy on the same images.

        It says nothing of a teacher that is named by its hash.

        Raises:
            ValueError: The run has no teacher.
        """
        if self.teacher is None:
            raise ValueError("the run has no teacher")
        off = dict.fromkeys(TERMS, 0.0) | {"cross_entropy": 1.0}
        return RunConfig(
            data=self.data,
            student=self.teacher.model,
            teacher=None,
            loss=LossConfig.model_validate(off),
            preview=PreviewConfig(strategy="none"),
            views=self.views,
            optimization=self.teacher.optimization,
            protocol=self.protocol,
            scale=self.scale,
            seed=self.teacher.seed,
        )


SHORTHANDS = {"data": "name", "teacher": "model"}
"""The key that a plain name stands for: `data: cifar100` means `data: {name: cifar100}`."""


def expand_shorthands(values: Any) -> Any:  # noqa: ANN401
    """A run's values with `data: NAME` and `teacher: NAME` written out as mappings."""
    if not isinstance(values, Mapping):
        return values
    return {
        key: {SHORTHANDS[key]: value} if key in SHORTHANDS and isinstance(value, str) else value
        for key, value in values.items()
    }


def changed_run(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A run's values with some keys changed; a new `teacher: NAME` keeps the other teacher keys.

    Raises:
        InputError: A dotted key leads through something that is not a mapping.
    """
    written_out = {
        f"{key}.{SHORTHANDS[key]}" if key in SHORTHANDS and isinstance(value, str) else key: value
        for key, value in changes.items()
    }
    return with_changes(expand_shorthands(values), written_out)


def _with_learning_rate(values: Any, model_key: str) -> Any:  # noqa: ANN401
    """The values with the learning rate that suits the model, where they do not give one."""
    if isinstance(values, str):
        values = {model_key: values}
    if not isinstance(values, Mapping) or not isinstance(values.get(model_key), str):
        return values
    given = values.get("optimization", {})
    if not _learns_slowly(values[model_key]) or not isinstance(given, Mapping):
        return values
    return {**values, "optimization": {"learning_rate": 0.01, **given}}


def _learns_slowly(model: str) -> bool:
    """Whether the model is a slow learner; a name that is not known is refused elsewhere."""
    try:
        return canonical_name(model) in SLOW_LEARNERS
    except InputError:
        return False
