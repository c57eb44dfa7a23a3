"""The protocols of the linear probe: named and versioned, since the field has no canonical one.

A protocol owns its fit, in a module of its own that is imported when a probe starts. A new one is
one more entry of `PROTOCOLS`: nothing else knows their names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from pckd.errors import InputError
from pckd.near_misses import near_misses

if TYPE_CHECKING:
    from pckd.transfer.frozen import FrozenTarget
    from pckd.transfer.head import LinearHead
    from pckd.transfer.showing import Showing

    Fit = Callable[[FrozenTarget, int], LinearHead]


@dataclass(frozen=True, slots=True)
class ProbeProtocol:
    """Protocol: a way to fit a linear classifier to the frozen features of a network."""

    name: str
    version: int
    """Version; it goes up when the same network, target and seed would give another number."""
    about: str
    module: str
    """Module that holds `fit` and `SHOWING`."""

    @property
    def fit(self) -> "Fit":
        """Fit of a classifier to a target, with a seed; never looks at the test images."""
        found: Fit = import_module(self.module).fit
        return found

    @property
    def showing(self) -> "Showing":
        """Presentation of the target's images to the network."""
        found: Showing = import_module(self.module).SHOWING
        return found

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
            "pckd.transfer.exact",
        ),
        ProbeProtocol(
            "crd",
            1,
            "SGD with momentum 0.9 over 100 epochs in batches of 64, learning rate 0.1, a tenth "
            "of it after 30, 60 and 90 epochs, no weight decay, no augmentation",
            "pckd.transfer.crd",
        ),
        ProbeProtocol(
            "hsakd",
            1,
            "as crd, but with Nesterov momentum and ten draws of random resized crops and flips "
            "in turn; STL-10 and TinyImageNet normalised as in HSAKD's script",
            "pckd.transfer.hsakd",
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
