"""The protocols of the linear probe: named and versioned, since the field has no canonical one.

A protocol owns its fit. A new one is one more entry of `PROTOCOLS`: nothing else knows their names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, field_validator

from pckd.errors import InputError
from pckd.settings import Settings, near_misses
from pckd.training.config import DataConfig
from pckd.transfer.crd import fit_crd
from pckd.transfer.exact import fit_exact
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import LinearHead
from pckd.transfer.hsakd import SHOWING as CROPPED
from pckd.transfer.hsakd import fit_hsakd
from pckd.transfer.showing import WHOLE, Showing


@dataclass(frozen=True, slots=True)
class ProbeProtocol:
    """Protocol: a way to fit a linear classifier to the frozen features of a network."""

    name: str
    version: int
    """Version; it goes up when the same network, target and seed would give another number."""
    about: str
    fit: Callable[[FrozenTarget, int], LinearHead]
    """Fit of a classifier to a target, with the probe's seed; must not look at the test images."""
    showing: Showing = WHOLE
    """Presentation of the target's images to the network."""

    @property
    def label(self) -> str:
        """Name and version, as the column `protocol` shows them: `exact v1`."""
        return f"{self.name} v{self.version}"


PROTOCOLS: dict[str, ProbeProtocol] = {
    protocol.name: protocol
    for protocol in (
        ProbeProtocol(
            "exact",
            1,
            "multinomial logistic regression by L-BFGS to convergence on standardised features, "
            "weight decay chosen on a held-out tenth of the target's training images",
            fit_exact,
        ),
        ProbeProtocol(
            "crd",
            1,
            "SGD with momentum 0.9 over 100 epochs in batches of 64, learning rate 0.1, a tenth "
            "of it after 30, 60 and 90 epochs, no weight decay, no augmentation",
            fit_crd,
        ),
        ProbeProtocol(
            "hsakd",
            1,
            "as crd, but with Nesterov momentum and ten draws of random resized crops and flips "
            "in turn; STL-10 and TinyImageNet normalised as in HSAKD's script",
            fit_hsakd,
            CROPPED,
        ),
    )
}


def find_protocol(name: str) -> ProbeProtocol:
    """Return the protocol of a name.

    Raises:
        InputError: There is none; those that there are are named.
    """
    if name not in PROTOCOLS:
        near = near_misses(name, list(PROTOCOLS))
        raise InputError(f"protocol {name!r} is not known{near}; allowed: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


class ProbeStage(Settings):
    """The transfer stage that follows training: a linear probe of every student and teacher."""

    data: tuple[DataConfig, ...] = Field(min_length=1, description="target data sets")
    protocol: str = Field("exact", description="name of the probe's protocol")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="of the probe"
    )

    @field_validator("data", mode="before")
    @classmethod
    def _written_out(cls, values: Any) -> Any:  # noqa: ANN401
        """`stl10` is short for `[{name: stl10}]`."""
        listed = [values] if isinstance(values, (str, Mapping)) else values
        if not isinstance(listed, (list, tuple)):
            return listed
        return [{"name": value} if isinstance(value, str) else value for value in listed]

    @field_validator("protocol")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return find_protocol(name).name
        except InputError as error:
            raise ValueError(str(error)) from None

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{list(seeds)} repeats a seed")
        return seeds
