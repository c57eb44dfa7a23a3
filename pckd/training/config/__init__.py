"""`RunConfig`: everything that decides what one training run computes.

Where a run takes place (device, workers, results root) is not here: it must not change the
numbers. Defaults are the paper's for CIFAR-100: [T] marks what its text says, [R] what the first
code release does, [I] what is inferred here, [C] the CRD protocol that the paper follows.
"""

from pckd.training.config.data import PLACE, DataConfig
from pckd.training.config.defaults import expanded
from pckd.training.config.optimization import Compile, OptimizationConfig, Precision
from pckd.training.config.run import PreviewConfig, RunConfig, ViewConfig
from pckd.training.config.teacher import ModelName, TeacherConfig

__all__ = [
    "PLACE",
    "Compile",
    "DataConfig",
    "ModelName",
    "OptimizationConfig",
    "Precision",
    "PreviewConfig",
    "RunConfig",
    "TeacherConfig",
    "ViewConfig",
    "expanded",
]
