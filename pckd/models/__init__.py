"""The networks: made by name, described, and filled from checkpoints.

The names come without torch; all else is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from pckd.lazy import lazily
from pckd.models.names import canonical_name, find_models, list_models, register_network

if TYPE_CHECKING:
    from pckd.models.checkpoints import class_count, load_checkpoint, load_weights
    from pckd.models.factory import create_model, source_file
    from pckd.models.info import ModelInfo, OutputShapes, model_info, outline, output_shapes
    from pckd.models.network import MapList, Network, Outputs, StagedNetwork

__all__ = [
    "MapList",
    "ModelInfo",
    "Network",
    "OutputShapes",
    "Outputs",
    "StagedNetwork",
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
    "register_network",
    "source_file",
]

__getattr__ = lazily(__name__)
