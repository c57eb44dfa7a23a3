"""The recipe by which a network is trained."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pckd.settings import Settings

Precision = Literal["fp32", "bf16"]
Compile = Literal["off", "default", "reduce-overhead"]


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
