"""timm's classifiers, with their own code and entry names, returning our ``Outputs``.

Imported only when a ``timm/...`` name is asked for.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from pckd.errors import InputError
from pckd.models.names import TIMM
from pckd.models.network import Network
from pckd.models.wrapped import is_square_map, survey, wrap

try:
    import timm
except ImportError:
    raise InputError(f"models {TIMM}... need timm: pip install 'pckd[timm]'") from None


def library_names() -> list[str]:
    """Names of timm's classifiers, such as ``timm/resnet18``."""
    return [TIMM + architecture for architecture in timm.list_models()]


def constructor(architecture: str) -> Callable[..., Network]:
    """Return the function that makes one of timm's classifiers, by timm's own name."""
    return partial(create_timm, architecture)


def image_size(architecture: str) -> int:
    """Return the height and width of the images for which timm made a network."""
    height: int = timm.models.get_pretrained_cfg(architecture).input_size[1]
    return height


def create_timm(architecture: str, *, num_classes: int) -> Network:
    """Make one of timm's classifiers with random weights; it returns ``Outputs``.

    Its classifier and its stages are those that timm itself names (``get_classifier`` and
    ``feature_info``), as far as these are maps ``[B, C, H, W]``: a vision transformer shows none.

    Args:
        architecture: a name that timm has, such as ``resnet18``.
        num_classes: number M of classes.

    Raises:
        InputError: it does not end in one linear layer.
    """
    model = timm.create_model(architecture, pretrained=False, num_classes=num_classes)
    classifier = model.get_classifier()
    if not isinstance(classifier, nn.Linear):
        raise InputError(f"model '{TIMM}{architecture}' does not end in a linear layer")
    calls = survey(model, image_size(architecture))
    maps = {call.name for call in calls if is_square_map(call.output)}
    shown = (entry["module"] for entry in getattr(model, "feature_info", ()))
    return wrap(
        model,
        architecture,
        classifier_name=next(name for name, layer in model.named_modules() if layer is classifier),
        stage_names=tuple(name for name in shown if name in maps),
        calls=calls,
    )
