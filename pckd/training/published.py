"""Published accuracies of networks trained with plain cross entropy.

For CIFAR-100 two sets circulate that do not agree; both are top-1 in percent on the test images,
of one network each. For ImageNet torchvision says what its own weights reach.
"""

from pckd.models.names import TORCHVISION

REPDISTILLER = {
    "wrn_40_2": 75.61,
    "resnet56": 72.34,
    "resnet110": 74.31,
    "resnet32x4": 79.42,
    "vgg13": 74.64,
    "resnet50": 79.34,
    "wrn_16_2": 73.26,
    "wrn_40_1": 71.98,
    "resnet20": 69.06,
    "resnet32": 71.14,
    "resnet8x4": 72.50,
    "vgg8": 70.36,
    "mobilenetv2": 64.60,
    "shufflenetv1": 70.50,
    "shufflenetv2": 71.82,
}
"""CRD's teachers and students, the last epoch: the networks that most papers start from."""

SSKD = {
    "wrn_40_2": 76.46,
    "resnet56": 73.44,
    "resnet32x4": 79.63,
    "vgg13": 75.38,
    "resnet50": 79.10,
    "wrn_16_2": 73.64,
    "wrn_40_1": 72.24,
    "resnet20": 69.63,
    "resnet8x4": 72.51,
    "vgg8": 70.68,
    "mobilenetv2": 65.79,
    "shufflenetv1": 70.77,
    "shufflenetv2": 73.12,
}
"""The same architectures trained again for SSKD, the best epoch."""

SOURCES = {"RepDistiller": REPDISTILLER, "SSKD, trained again": SSKD}

TOLERANCE = 0.5
"""Points of accuracy that an imported network may be away from a published one."""


def published_accuracies(model: str, data: str, num_classes: int) -> dict[str, float]:
    """Published accuracies of a network, by source; none but for all of CIFAR-100 or ImageNet.

    Args:
        model: Canonical name of the architecture.
        data: Name of the data set.
        num_classes: Of the images as selected.

    Returns:
        Top-1 in percent.
    """
    if (data, num_classes) == ("cifar100", 100):
        return {source: known[model] for source, known in SOURCES.items() if model in known}
    if (data, num_classes) == ("imagenet", 1000) and model.startswith(TORCHVISION):
        from pckd.models.imagenet import torchvision_accuracies  # torchvision is slow to import

        return torchvision_accuracies(model)
    return {}
