"""Views a second, one core: PIL and a DataLoader against batches of uint8 tensors."""

import torch

from benchmarks.clock import now
from benchmarks.pairs import Ratio, interleave, ratio
from benchmarks.reference_data import ReferenceLoader
from pckd.data import TrainingPass, rotated_copies
from pckd.training.run_data import RunData

BATCH = 64
CPU = torch.device("cpu")


def loader_ratio(data: RunData, rounds: int) -> tuple[Ratio, float]:
    """The ratio, and the views a second of the product's way; four views an image."""
    loader = ReferenceLoader(data, BATCH)

    def peers() -> float:
        started = now(CPU)
        for _ in loader:
            pass
        return now(CPU) - started

    def products() -> float:
        started = now(CPU)
        training = TrainingPass(seed=0, epoch=1, batch_size=BATCH, crop_padding=4, flip=True)
        for batch in data.train.training_batches(training):
            rotated_copies(batch.images, rotations=4, mean=data.mean, std=data.std)
        return now(CPU) - started

    seconds = interleave({"peers": peers, "products": products}, rounds)
    fastest = min(seconds["products"])
    return ratio("loader", seconds["peers"], seconds["products"]), 4 * len(data.train) / fastest
