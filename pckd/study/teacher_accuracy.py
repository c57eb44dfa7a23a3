"""A teacher's accuracy on the test images of a run, measured once for all runs on them."""

import json

import torch

from pckd.models import Network
from pckd.storage import Storage
from pckd.training.evaluation import evaluate
from pckd.training.group import Group
from pckd.training.run_data import RunData
from pckd.training.teachers import TeacherCard
from pckd.words import HASH_DIGITS

FOLDER = "teachers/accuracies"


def teacher_top1(
    card: TeacherCard, network: Network, data: RunData, group: Group, storage: Storage
) -> float:
    """Top-1 of a teacher in percent, on the test images of a run.

    Its card has it if the teacher was measured with these very images. Else, as for an imported
    teacher whose study takes fewer training images, it is measured here and kept beside the
    teachers.

    Args:
        card: Of the teacher.
        network: The teacher itself, on the device of the images.
        data: The images of the run.
        group: The processes that share the trial; all of them call this.
        storage: The results root.

    Raises:
        DivergedError: An output of the teacher is NaN or infinite.
        RunError: A streamed image cannot be decoded.
    """
    if card.data_fingerprint == data.fingerprint:
        return card.test_top1
    path = f"{FOLDER}/{card.hash}-{data.fingerprint[:HASH_DIGITS]}.json"
    device = next(network.parameters()).device
    seen = group.sum(torch.tensor(int(storage.exists(path)), device=device))
    if seen.item() == group.size:
        return float(json.loads(storage.read(path))["test_top1"])
    top1 = evaluate(network, data.test, data.mean, data.std, group).top1
    if group.rank == 0:
        storage.write(path, json.dumps({"test_top1": top1}).encode())
    return top1
