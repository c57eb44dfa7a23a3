"""The peers' PIL images and the product's batches show the same views."""

import torch

from benchmarks.reference_data import PILImages, ReferenceLoader
from pckd.data import ImageSet, crop_and_flip, normalise, rotated_copies
from pckd.training.run_data import RunData

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)


def noise(count: int) -> RunData:
    stream = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=stream)
    images = ImageSet(pixels, torch.arange(count))
    return RunData(images, images, images, ("a",), MEAN, STD, "noise", "noise")


def test_each_view_is_one_of_the_products() -> None:
    image = noise(1).train
    assert isinstance(image, ImageSet)
    cases = [(row, column, flip) for row in range(3) for column in range(3) for flip in (0, 1)]
    offsets = torch.tensor([case[:2] for case in cases])
    flips = torch.tensor([bool(case[2]) for case in cases])
    crops = crop_and_flip(image.images.expand(len(cases), -1, -1, -1), offsets, flips, 1)
    products = normalise(crops, MEAN, STD)
    peers = PILImages(image, MEAN, STD, crop_padding=1)
    seen = set()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(200):
            distances = (products - peers[0][0]).abs().amax((1, 2, 3))
            assert distances.min() < 1e-5
            seen.add(int(distances.argmin()))
    assert len(seen) == len(cases), "18 views in 200 draws: one is missed with p = 2e-4"


def test_the_loader_gives_every_image_once_in_the_products_four_rotations() -> None:
    data = noise(5)
    batches = list(ReferenceLoader(data, batch_size=2))
    assert [views.shape for views, _ in batches] == [(2, 4, 3, 8, 8)] * 2 + [(1, 4, 3, 8, 8)]
    assert sorted(torch.cat([labels for _, labels in batches]).tolist()) == [0, 1, 2, 3, 4]
    for views, _ in batches:
        pixels = (views[:, 0] * torch.tensor(STD).view(-1, 1, 1)) + torch.tensor(MEAN).view(
            -1, 1, 1
        )
        upright = (255 * pixels).round().to(torch.uint8)
        expected = rotated_copies(upright, rotations=4, mean=MEAN, std=STD)
        torch.testing.assert_close(views, expected)
