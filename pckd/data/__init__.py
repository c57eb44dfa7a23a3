"""Images by data set: in memory or streamed from files, and seeded views rendered in batches."""

from pckd.data.catalogue import is_streamed, list_data
from pckd.data.images import DataSet, ImageData
from pckd.data.opening import open_data, open_streamed
from pckd.data.resident import ImageSet
from pckd.data.selection import hold_out, limit_images, select_classes
from pckd.data.splits import ImageSplit, TrainingPass
from pckd.data.streamed import FileSet
from pckd.data.views import ViewDraws, crop_and_flip, draw_views, normalise, rotated_copies

__all__ = [
    "DataSet",
    "FileSet",
    "ImageData",
    "ImageSet",
    "ImageSplit",
    "TrainingPass",
    "ViewDraws",
    "crop_and_flip",
    "draw_views",
    "hold_out",
    "is_streamed",
    "limit_images",
    "list_data",
    "normalise",
    "open_data",
    "open_streamed",
    "rotated_copies",
    "select_classes",
]
