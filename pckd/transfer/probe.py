"""One linear probe: a frozen network, a target data set, a protocol, a seed."""

import time
from dataclasses import dataclass

import torch

from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.frozen import frozen_target
from pckd.transfer.measures import mean_average_precision, top1
from pckd.transfer.protocols import find_protocol


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Result of one probe."""

    top1: float | None
    """Percent of the target's test images; None for a multi-label target."""
    mean_average_precision: float | None
    """Percent, on the test images of a multi-label target; None for others."""
    train_images: int
    test_images: int
    weight_decay: float
    """Weight decay of the linear classifier, as used."""
    seconds: float
    """Seconds for features and classifier; cached features count with the time they once took."""
    data_fingerprint: str
    """Fingerprint of the target, as selected and resized."""
    features_file: str
    """Name of the cache's file that keeps the features."""


def probe(
    network: TrainedNetwork,
    target: DataConfig,
    protocol: str,
    seed: int,
    device: torch.device,
) -> ProbeResult:
    """Fit a linear classifier to the frozen features of the target's training images, and test it.

    The test images are looked at once, by the classifier that the protocol ends with.

    Args:
        network: Neither its weights nor its BatchNorm statistics move.
        target: Its classes may be ones that the network never saw.
        protocol: One of `pckd.transfer.protocols.PROTOCOLS`.
        seed: Of the classifier; what it decides is the protocol's affair.
        device: Where features are computed.

    Raises:
        InputError: The protocol is not known, the target cannot be opened or does not suit it.
        RunError: The fit did not converge, or diverged.
    """
    known = find_protocol(protocol)
    frozen = frozen_target(network, target, device, known.showing)
    started = time.perf_counter()
    head = known.fit(frozen, seed)
    scores, labels = head.scores(frozen.test), frozen.test.labels
    several = labels.ndim == 2
    return ProbeResult(
        top1=None if several else top1(scores, labels),
        mean_average_precision=mean_average_precision(scores, labels) if several else None,
        train_images=len(frozen.train),
        test_images=len(frozen.test),
        weight_decay=head.weight_decay,
        seconds=frozen.seconds + time.perf_counter() - started,
        data_fingerprint=frozen.data_fingerprint,
        features_file=frozen.file,
    )
