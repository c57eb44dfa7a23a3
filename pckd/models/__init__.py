"""The networks: a registry in timm's manner, and the import of foreign checkpoints."""

# Each of these modules registers its networks.
from pckd.models import mobilenet, resnet, shufflenet_v1, shufflenet_v2, vgg, wide_resnet  # noqa: F401
from pckd.models.checkpoints import class_count, load_checkpoint, load_weights
from pckd.models.factory import (
    canonical_name,
    create_model,
    find_models,
    list_models,
    register_model,
)
from pckd.models.info import ModelInfo, OutputShapes, model_info, outline, output_shapes
from pckd.models.network import Network, Outputs

__all__ = [
    "ModelInfo",
    "Network",
    "OutputShapes",
    "Outputs",
    "canonical_name",
    "class_count",
    "create_model",
    "find_models",
    "list_models",
    "load_checkpoint",
    "load_weights",
    "model_info",
    "outline",
    "output_shapes",
    "register_model",
]
