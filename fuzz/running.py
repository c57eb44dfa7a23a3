"""Damaged files of one kind, read one after the other in a process of their own."""

import logging
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from fuzz.mutations import mutated
from fuzz.targets import TARGETS, Target
from pckd.errors import InputError, RunError

MEMORY = 8 * 2**30
"""Bytes of address space that a process may take."""

SLOWEST = 10.0
"""Seconds of this process's own work that one file may take; a busy machine adds none."""

KEPT = Path("fuzz-findings")
"""Where files are kept that surprised their reader."""


def fuzz(kind: str, count: int, seed: int) -> int:
    """Read damaged files of one kind, print each surprise, and return how many there were."""
    target, stream, surprises = TARGETS[kind], random.Random(f"{kind} {seed}"), 0
    samples = target.samples()
    for name, whole in samples:  # what is imported on first use is not the work of a damaged file
        _read(target, name, whole)
    for number in range(count):
        name, whole = stream.choice(samples)
        content = mutated(whole, stream)
        if surprise := _read(target, name, content):
            surprises += 1
            KEPT.mkdir(exist_ok=True)
            file = KEPT / f"{seed}-{number}-{name}"
            file.write_bytes(content)
            print(f"{kind}: {file}: {surprise}", flush=True)
    return surprises


def _read(target: Target, name: str, content: bytes) -> str:
    """Let a file be read in a folder of its own; return what is surprising about it, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PCKD_CACHE"] = f"{folder}/cache"
        root = Path(folder) / "root"
        root.mkdir()
        (root / name).write_bytes(content)
        started, surprise = time.process_time(), ""
        try:
            target.read(root, name)
        except (InputError, RunError) as error:
            surprise = "a message of several lines" if "\n" in str(error).strip() else ""
        except Exception:
            surprise = traceback.format_exc()
        seconds = time.process_time() - started
    return f"{seconds:.0f} seconds {surprise}" if seconds > SLOWEST else surprise


def fuzz_alone(kind: str, count: int, seed: int) -> None:
    """Fuzz in this process, which is for nothing else, with bounded memory; exit with the count."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    logging.disable()
    sys.exit(min(fuzz(kind, count, seed), 100))
