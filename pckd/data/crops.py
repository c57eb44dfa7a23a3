"""Square crops of images of any size: random ones for training, the central one for testing.

The recipe is ImageNet's, as torchvision's references and the papers have it: a crop of 8 to 100
percent of the area resized to 224x224; to test, the shorter side resized to 256 and the central
224x224. Resizing is bilinear and antialiased, on uint8.
"""

import math

import numpy as np
from torch import Tensor

CROP_SIZE = 224
SHORTER_SIDE = 256
AREA_SHARES = (0.08, 1.0)
ASPECT_RATIOS = (3 / 4, 4 / 3)
TRIES = 10


def random_crop(image: Tensor, stream: np.random.Generator, *, flip: bool) -> Tensor:
    """Crop a random part of an image, resize it, and mirror it with probability one half.

    Args:
        image: uint8 [3, H, W].
        stream: What is drawn from; the same stream gives the same crop.
        flip: Whether to mirror at all.

    Returns:
        uint8 [3, 224, 224].
    """
    from torchvision.transforms.v2 import functional  # slow to import

    box = draw_box(image.shape[-2], image.shape[-1], stream)
    crop: Tensor = functional.resized_crop(image, *box, [CROP_SIZE] * 2, antialias=True)
    return crop.flip(-1) if flip and stream.random() < 0.5 else crop


def central_crop(image: Tensor) -> Tensor:
    """Resize the shorter side of an image, uint8 [3, H, W], to 256, and cut out its centre.

    Returns:
        uint8 [3, 224, 224].
    """
    from torchvision.transforms.v2 import functional

    resized = functional.resize(image, [SHORTER_SIDE], antialias=True)
    crop: Tensor = functional.center_crop(resized, [CROP_SIZE] * 2)
    return crop


def draw_box(height: int, width: int, stream: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw the part of an image that is cropped, as torchvision's RandomResizedCrop does.

    The share of the area is uniform, and so is the logarithm of the aspect ratio. After ten boxes
    that do not fit into the image, the largest central one of an allowed aspect ratio is taken.

    Returns:
        Top, left, height and width in pixels.
    """
    low, high = (math.log(ratio) for ratio in ASPECT_RATIOS)
    for _ in range(TRIES):
        area = height * width * stream.uniform(*AREA_SHARES)
        ratio = math.exp(stream.uniform(low, high))
        box_height, box_width = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if 0 < box_height <= height and 0 < box_width <= width:
            top = int(stream.integers(height - box_height, endpoint=True))
            left = int(stream.integers(width - box_width, endpoint=True))
            return top, left, box_height, box_width
    box_height = min(height, round(width / ASPECT_RATIOS[0]))
    box_width = min(width, round(height * ASPECT_RATIOS[1]))
    return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width
