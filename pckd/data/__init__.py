"""Data sets, in memory or streamed from files, and seeded views rendered in batches.

Names of data sets come without torch.
"""

from typing import TYPE_CHECKING

from pckd.lazy import lazily

if TYPE_CHECKING:
    from pckd.data.batches import count_batches, split_batches
    from pckd.data.catalogue import (
        check_known_data,
        is_multi_label,
        is_streamed,
        list_data,
        published_normalisation,
        register_data,
    )
    from pckd.data.images import DataSet, ImageData, derived_fingerprint
    from pckd.data.opening import data_notices, open_data, open_streamed
    from pckd.data.plugins import DataInMemory
    from pckd.data.resident import ImageSet
    from pckd.data.selection import hold_out, limit_images, select_classes
    from pckd.data.splits import ImageSplit, TrainingBatch, TrainingPass
    from pckd.data.streamed import FileSet
    from pckd.data.views import (
        ViewDraws,
        count_views,
        crop_and_flip,
        draw_views,
        normalise,
        number_views,
        rotated_copies,
    )
    from pckd.data.words import listed

__all__ = [
    "DataInMemory",
    "DataSet",
    "FileSet",
    "ImageData",
    "ImageSet",
    "ImageSplit",
    "TrainingBatch",
    "TrainingPass",
    "ViewDraws",
    "check_known_data",
    "count_batches",
    "count_views",
    "crop_and_flip",
    "data_notices",
    "derived_fingerprint",
    "draw_views",
    "hold_out",
    "is_multi_label",
    "is_streamed",
    "limit_images",
    "list_data",
    "listed",
    "normalise",
    "number_views",
    "open_data",
    "open_streamed",
    "published_normalisation",
    "register_data",
    "rotated_copies",
    "select_classes",
    "split_batches",
]

__getattr__ = lazily(__name__)
