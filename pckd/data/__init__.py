"""Images as tensors, and seeded views of them rendered in batches on the device."""

from pckd.data.catalogue import list_data, open_data
from pckd.data.images import ImageData, ImageSet
from pckd.data.selection import hold_out, limit_images, select_classes
from pckd.data.views import ViewDraws, draw_views, normalise, render_views

__all__ = [
    "ImageData",
    "ImageSet",
    "ViewDraws",
    "draw_views",
    "hold_out",
    "limit_images",
    "list_data",
    "normalise",
    "open_data",
    "render_views",
    "select_classes",
]
