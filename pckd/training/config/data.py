"""The images of a run."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from pckd.addresses import check_address
from pckd.data import check_known_data
from pckd.settings import Settings, told_to_pydantic

PLACE = frozenset({"root", "download", "loader_workers"})
"""The keys of `DataConfig` that say where images come from, and not what they are."""


def _known_data(name: str) -> str:
    with told_to_pydantic():
        check_known_data(name)
    return name


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
