"""Checks that a network must pass to be a student or a teacher."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace

from pckd.errors import InputError, first_line
from pckd.models import Network, Outputs, create_model, output_shapes

CLASSES = 5
IMAGES = 3


class NetworkError(AssertionError):
    """A network does not do what a student or a teacher must do."""


class _Subject(NamedTuple):
    """The network under test."""

    make: Callable[..., Network]
    sizes: Sequence[tuple[int, int]]

    def network(self, *, shows_before_relu: bool = False) -> Network:
        """A network with the weights of seed 0."""
        torch.manual_seed(0)
        network = self.make(num_classes=CLASSES)
        network.shows_before_relu = shows_before_relu
        return network

    def images(self, size: tuple[int, int] | None = None) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        return torch.randn(IMAGES, 3, *(size or self.sizes[0]), generator=generator)


def check_network(
    network: str | Callable[..., Network],
    *,
    image_sizes: Sequence[tuple[int, int]] = ((32, 32), (64, 64)),
) -> None:
    """Check a network; torch's global generator is left as it was.

    Args:
        network: its name, or what makes it when called with ``num_classes=M``.
        image_sizes: heights and widths in pixels that it must take.

    Raises:
        NetworkError: a check failed; the sentence says which and how.
        InputError: the name is not known.
    """
    make = partial(create_model, network) if isinstance(network, str) else network
    subject = _Subject(make, image_sizes)
    with torch.random.fork_rng(devices=[]):
        for check in CHECKS:
            _run(check, subject)


def _run(check: "Callable[[_Subject], None]", subject: _Subject) -> None:
    """Run a check; any other error than its own is a fault of the network too."""
    try:
        check(subject)
    except (NetworkError, InputError):
        raise
    except Exception as error:
        name = check.__name__.strip("_").replace("_", " ")
        kind = type(error).__name__
        raise NetworkError(f"while checking that {name}: {kind}: {first_line(error)}") from error


def _outputs_fit_together(subject: _Subject) -> None:
    network = subject.network(shows_before_relu=True).eval()
    for size in subject.sizes:
        with torch.no_grad():
            outputs = network(subject.images(size))
        _require(isinstance(outputs, Outputs), "forward gives no pckd.models.Outputs")
        features, logits = tuple(outputs.features.shape), tuple(outputs.logits.shape)
        width = network.feature_width
        _require(network.classifier_layer.bias is not None, "the classifier has no bias")
        _require(features == (IMAGES, width), f"features are {features}, not [B, {width}]")
        _require(logits == (IMAGES, CLASSES), f"logits of {CLASSES} classes are {logits}")
        _require(
            torch.allclose(network.classifier_layer(outputs.features), outputs.logits, atol=1e-5),
            f"logits are not what the layer {network.classifier_name!r} gives for the features",
        )
        _require(len(outputs.stages) > 1, "stages must hold a stem's map and a stage's at least")
        _require(
            all(maps.ndim == 4 for maps in outputs.stages), "a stage is not a map [B, C, H, W]"
        )
        seen = tuple(tuple(maps.shape[1:]) for maps in outputs.stages)
        meta = output_shapes(network, size).maps
        _require(meta == seen, f"its maps are {seen}, but {meta} on the meta device")


def _asking_for_maps_before_relu_changes_nothing(subject: _Subject) -> None:
    plain = _trained(subject.network(), subject.images())
    shown = _trained(subject.network(shows_before_relu=True), subject.images())
    _require(not plain.before_relu, "maps before ReLU are given to those who do not ask")
    stages = [maps for name, maps in plain.outputs.items() if name.startswith("stage")]
    shapes = [maps.shape for maps in stages if maps is not None]
    _require(
        [maps.shape for maps in shown.before_relu] == shapes,
        "maps before ReLU do not have the number and the shapes of the stages",
    )
    _require(_same(plain.outputs, shown.outputs), "asking for maps before ReLU changes outputs")
    _require(
        _same(plain.gradients, shown.gradients), "asking for maps before ReLU changes gradients"
    )
    _require(
        _same(plain.state, shown.state),
        "asking for maps before ReLU changes running statistics, or names of entries",
    )


def _a_training_step_reaches_everything_once(subject: _Subject) -> None:
    network = subject.network(shows_before_relu=True)
    for name, gradient in _trained(network, subject.images()).gradients.items():
        _require(gradient is not None, f"parameter {name!r} gets no gradient")
    for name, module in network.named_modules():
        count = getattr(module, "num_batches_tracked", None)
        _require(
            count is None or int(count) == 1,
            f"the running statistics of {name!r} are not updated once in a training step",
        )


def _weights_come_from_the_global_generator(subject: _Subject) -> None:
    one, other = (dict(subject.network().state_dict()) for _ in range(2))
    _require(_same(one, other), "one seed of torch's global generator gives two different starts")


def _a_state_dict_holds_all_that_counts(subject: _Subject) -> None:
    network = subject.network()
    _trained(network, subject.images())
    copy = subject.make(num_classes=CLASSES)
    copy.load_state_dict(network.state_dict())
    _require(
        _same(_evaluated(network, subject.images()), _evaluated(copy, subject.images())),
        "another network filled with its state dict gives other outputs",
    )


def _torch_fx_follows(subject: _Subject) -> None:
    for asked in (False, True):
        network = subject.network(shows_before_relu=asked).eval()
        if network.traceable:
            traced = _evaluated(_traced(network), subject.images())
            _require(
                _same(traced, _evaluated(network, subject.images())),
                "torch.fx follows it to other outputs: mend forward, or set traceable = False",
            )


def _traced(network: Network) -> nn.Module:
    try:
        return symbolic_trace(network)
    except Exception as error:
        raise NetworkError(
            f"torch.fx cannot follow it ({first_line(error)}): mend forward, or set traceable = "
            "False"
        ) from error


CHECKS: tuple[Callable[[_Subject], None], ...] = (
    _outputs_fit_together,
    _weights_come_from_the_global_generator,
    _asking_for_maps_before_relu_changes_nothing,
    _a_training_step_reaches_everything_once,
    _a_state_dict_holds_all_that_counts,
    _torch_fx_follows,
)


class _Trained(NamedTuple):
    """A network after one forward and backward pass in training mode."""

    outputs: dict[str, Tensor | None]
    before_relu: list[Tensor]
    gradients: dict[str, Tensor | None]
    state: dict[str, Tensor | None]


def _trained(network: Network, images: Tensor) -> _Trained:
    torch.manual_seed(3)  # of dropout
    outputs = network.train()(images)
    losses = [maps.square().mean() for maps in (outputs.logits, *outputs.stages)]
    torch.autograd.backward(losses)
    return _Trained(
        _tensors(outputs._replace(before_relu=())),
        list(outputs.before_relu),
        {name: parameter.grad for name, parameter in network.named_parameters()},
        dict(network.state_dict()),
    )


@torch.no_grad()
def _evaluated(network: nn.Module, images: Tensor) -> dict[str, Tensor | None]:
    return _tensors(network.eval()(images))


def _tensors(outputs: Outputs) -> dict[str, Tensor | None]:
    stages = {f"stage {number}": maps for number, maps in enumerate(outputs.stages)}
    before = {f"before ReLU {number}": maps for number, maps in enumerate(outputs.before_relu)}
    return {"features": outputs.features, "logits": outputs.logits, **stages, **before}


def _same(one: Mapping[str, Tensor | None], other: Mapping[str, Tensor | None]) -> bool:
    """Return whether both have the same names and, bit for bit, the same tensors."""
    return one.keys() == other.keys() and all(
        torch.equal(tensor, match)
        if tensor is not None and (match := other[name]) is not None
        else tensor is other[name]
        for name, tensor in one.items()
    )


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise NetworkError(fault)
