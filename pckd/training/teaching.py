"""Building of a run's frozen teacher, with a feature bank if one can serve it."""

import hashlib
from typing import NamedTuple

import torch

from pckd.models import Network
from pckd.training.bank import BankedTeacher
from pckd.training.bank_files import default_bank_bytes, open_bank
from pckd.training.code import code_of
from pckd.training.config import RunConfig
from pckd.training.frozen_teacher import FrozenTeacher, Teacher
from pckd.training.loss_config import Loss
from pckd.training.run_data import RunData

CHUNK = {"cpu": 16, "cuda": 64}
"""Images in each of a `BankedTeacher`'s forward passes, whatever the batch, so that the number of
workers changes no rounding: small where a pass costs in proportion to its images, large where
starting a pass dominates.
"""


class Taught(NamedTuple):
    """A run's teacher, with notices for the user."""

    teacher: Teacher | None
    notices: tuple[str, ...]


def build_teacher(
    config: RunConfig,
    data: RunData,
    network: Network | None,
    device: torch.device,
    bank_bytes: int | None,
) -> Taught:
    """Build the teacher for a run.

    Args:
        config: The run.
        data: Its images.
        network: The trained teacher; it is copied.
        device: Where to compute.
        bank_bytes: Bound on all banks of this machine, None for the default.
    """
    needs = config.loss.needs
    if network is None or not needs.teacher:
        return Taught(None, ())
    optimization = config.optimization
    teacher = FrozenTeacher(network, device, optimization.precision, optimization.compile, needs)
    if not config.bank:
        return Taught(teacher, ())
    if needs.beyond_a_bank:
        return Taught(teacher, (_without_bank(config.loss),))
    views = data.train.views_per_image(config.views.crop_padding, flip=config.views.flip)
    if views is None:
        return Taught(
            teacher, ("the teacher has no bank: views of streamed images are not finite",)
        )
    chunk = CHUNK[device.type]
    bank = open_bank(
        _key(config, data, network, device, chunk),
        rows=views * len(data.train),
        copies=config.loss.needs.copies,
        width=network.feature_width,
        max_bytes=default_bank_bytes() if bank_bytes is None else bank_bytes,
    )
    return Taught(BankedTeacher(teacher, bank, chunk), ())


def _without_bank(loss: Loss) -> str:
    """Say why a run does without a bank."""
    asking = loss.that_need(lambda needs: bool(needs.beyond_a_bank))
    verb = "needs" if len(asking) == 1 else "need"
    return f"the teacher has no bank: {', '.join(asking)} {verb} {loss.needs.beyond_a_bank}"


def _key(
    config: RunConfig, data: RunData, network: Network, device: torch.device, chunk: int
) -> dict[str, object]:
    """All that a teacher's features of a view depend on, down to their last bit."""
    assert config.teacher is not None
    return {
        "teacher": _weights_hash(network),
        "images": data.train_fingerprint,
        "normalisation": [*data.mean, *data.std],
        "views": config.views.model_dump(mode="json"),
        "copies": config.loss.needs.copies,
        "precision": config.optimization.precision,
        "compile": config.optimization.compile,
        "chunk": chunk,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "code": code_of(networks=[config.teacher.model]),
    }


def _weights_hash(network: Network) -> str:
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
