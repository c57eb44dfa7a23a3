"""The networks: made by name, described, and filled from checkpoints.

The names come without torch; all else is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pckd.models.names import canonical_name, find_models, list_models, register_network

if TYPE_CHECKING:
    from pckd.models.checkpoints import class_count, load_checkpoint, load_weights
    from pckd.models.factory import create_model, source_file
    from pckd.models.info import ModelInfo, OutputShapes, model_info, outline, output_shapes
    from pckd.models.network import MapList, Network, Outputs, StagedNetwork

_PLACES = {
    "checkpoints": ("class_count", "load_checkpoint", "load_weights"),
    "factory": ("create_model", "source_file"),
    "info": ("ModelInfo", "OutputShapes", "model_info", "outline", "output_shapes"),
    "network": ("MapList", "Network", "Outputs", "StagedNetwork"),
}

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


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
