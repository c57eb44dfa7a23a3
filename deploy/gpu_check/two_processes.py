"""Two processes that sum a tensor on one GPU: with NCCL, which refuses, and with gloo."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

PROCESSES = 2


def main() -> None:
    """Print what each backend does."""
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    for backend in ("nccl", "gloo"):
        with tempfile.TemporaryDirectory() as folder:
            arguments = (backend, device, Path(folder) / "meeting")
            try:
                spawn(_sum, arguments, nprocs=PROCESSES)
            except Exception as error:  # whatever it is, it is what a user gets
                *_, reason = str(error).strip().splitlines() or [""]
                print(f"{backend} on {device}: {type(error).__name__}: {reason}")
            else:
                print(f"{backend} on {device}: {PROCESSES} processes agree")


def _sum(rank: int, backend: str, device: torch.device, meeting: Path) -> None:
    os.environ["TORCH_NCCL_BLOCKING_WAIT"] = "1"
    distributed.init_process_group(
        backend,
        init_method=meeting.as_uri(),
        rank=rank,
        world_size=PROCESSES,
        timeout=timedelta(seconds=60),
    )
    total = torch.full((4,), float(rank + 1), device=device)
    distributed.all_reduce(total)
    distributed.destroy_process_group()
    if total.tolist() != [3.0] * 4:
        raise RuntimeError(f"the sum is {total.tolist()}, not four times 3")


if __name__ == "__main__":
    main()
