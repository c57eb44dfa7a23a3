"""A search of many instant trials through Ray: `python -m benchmarks.scale [TRIALS [AT_ONCE]]`.

The trainer is replaced by one that writes the rows of a real trial and trains nothing; driver,
searcher, scheduler and results store are the real ones. AT_ONCE logical CPUs of one Ray node stand
for as many workers. The driver is killed when half of the trials are done, and started again; then
once more when nothing is left to do. Printed are trials a second and the driver's memory along the
way, and what it takes to go on.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import ray
from rich.console import Console

from pckd.distributed import trials
from pckd.distributed.driver import run_study
from pckd.distributed.session import QUIET
from pckd.progress import Display
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.compaction import compact
from pckd.study.execution import Keep
from pckd.study.outcome import DONE
from pckd.study.results import ResultsStore
from pckd.study.rows import Placement, epoch_row, progress_columns, trial_columns
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.record import EpochRecord

EPOCHS = 4
PIECES = 5
"""Of the run, for each of which the pace is printed."""


def large_study(trials: int) -> StudySpec:
    """A search of five weights with early stopping."""
    weights = {
        f"loss.{term}": {"low": 0.01, "high": 100.0, "log": True}
        for term in ("kd", "center_contrast", "feature_alignment", "center_alignment")
    }
    growth = {"preview.growth_rate": {"low": 1.0, "high": 1.05}}
    values = {
        "study": "scale",
        "run": {
            "data": {"name": "digits", "classes": [0, 1], "images_per_class": 32},
            "student": "resnet8",
            "teacher": {"model": "resnet8", "optimization": {"epochs": 1}},
            "optimization": {"epochs": EPOCHS},
        },
        "search": {
            "trials": trials,
            "parameters": weights | growth,
            "stop": {"scheduler": "asha"},
        },
        "keep": "none",
    }
    return validate(StudySpec, values, "benchmark")


def instant_trial(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    on_epoch: Callable[[EpochRecord], None],
    keep: Keep,
) -> str:
    """In place of `run_trial`: the same rows, no training; the best is kd 1."""
    store = ResultsStore(storage, trial.study)
    earlier = store.find("trials", trial.identity)
    if earlier is not None and earlier["status"] in DONE:
        return str(earlier["status"])
    columns = {**trial_columns(trial, placement), "started": datetime.now(UTC)}
    records: list[EpochRecord] = []
    for epoch in range(1, EPOCHS + 1):
        records.append(_record(epoch, 80 + epoch - 5 * abs(np.log10(trial.config.loss.kd))))
        rows = [epoch_row(trial, record) for record in records]
        store.write("epochs", trial.identity, rows)
        _write(store, trial, {**columns, **progress_columns(records), "status": "running"})
        on_epoch(records[-1])
    _write(store, trial, {**columns, **progress_columns(records), "status": "completed"})
    return "completed"


def _record(epoch: int, top1: float) -> EpochRecord:
    shares = {"easy_share": 50.0, "easy_weight": 1.0, "hard_weight": 0.5}
    return EpochRecord(epoch, 0.1, 1.0, {"total": 1.0 / epoch}, **shares, top1=top1, top5=100.0,
                       seconds=0.0, images_per_second=0.0)  # fmt: skip


def _write(store: ResultsStore, trial: Trial, row: dict[str, object]) -> None:
    store.write("trials", trial.identity, [{**row, "updated": datetime.now(UTC)}])


def install() -> None:
    """Put the instant trainer into a worker's process."""
    vars(trials)["run_trial"] = instant_trial


def _drive(total: int, at_once: int, folder: str, kill_at: int | None) -> None:
    """Run the study in this process; prints when it ended and the memory that it took."""
    os.environ.update(QUIET)
    ray.init(
        address="local",
        num_cpus=at_once,
        runtime_env={
            "worker_process_setup_hook": "benchmarks.scale.install",
            "env_vars": {"PYTHONPATH": str(Path(__file__).parents[1])},
        },
        log_to_driver=False,
        logging_level="ERROR",
    )
    storage = Storage(folder)
    threading.Thread(target=_watch, args=(Path(folder) / "scale", kill_at), daemon=True).start()
    started = time.perf_counter()
    run_study(large_study(total), storage, Display(Console(quiet=True)))
    print(f"  driver: {time.perf_counter() - started:.1f} s")


def _watch(study: Path, kill_at: int | None) -> None:
    """Note the driver's memory beside the number of trials; kill the driver on the way."""
    memory = study.parent / f"memory-{kill_at}.csv"
    while True:
        begun = len(list(study.glob("trials/[!.]*.parquet")))
        with memory.open("a") as stream:
            print(begun, _memory(), sep=",", file=stream)
        if kill_at is not None and begun >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)


def _memory() -> int:
    """Resident bytes of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _in_a_process(total: int, at_once: int, folder: str, kill_at: int | None = None) -> None:
    context = multiprocessing.get_context("spawn")
    driver = context.Process(target=_drive, args=(total, at_once, folder, kill_at))
    driver.start()
    driver.join()
    if driver.exitcode not in (0, -signal.SIGKILL):
        raise SystemExit("the driver failed")


def _print_pace(store: ResultsStore, since: pd.Timestamp) -> None:
    """Trials a second, piece by piece of those that ended since a moment."""
    ended = store.read("trials").query("updated > @since")["updated"].sort_values()
    for piece in np.array_split(ended.to_numpy(), PIECES):
        seconds = (piece[-1] - piece[0]) / np.timedelta64(1, "s")
        print(f"  {len(piece)} trials: {(len(piece) - 1) / seconds:.2f} a second")


def _timed(label: str, work: Callable[[], object]) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"{label}: {wall:.2f} s, of which CPU {cpu:.2f} s", flush=True)


def main() -> None:
    """Run the study in two halves, and print the figures."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory() as folder:
        store = ResultsStore(Storage(folder), "scale")
        for label, kill_at in (("until killed", total // 2), ("then", None)):
            since = pd.Timestamp.now(UTC)
            print(f"{label}:", flush=True)
            _in_a_process(total, at_once, folder, kill_at)
            _print_pace(store, since)
            lines = (Path(folder) / f"memory-{kill_at}.csv").read_text().splitlines()
            points = [line.split(",") for line in lines[:: max(1, len(lines) // PIECES)]]
            memory = ", ".join(f"{begun}: {int(rss) / 2**20:.0f} MiB" for begun, rss in points)
            print(f"  driver's memory by trials begun: {memory}")
        print(store.read("trials")["status"].value_counts().to_dict())
        print("with nothing left to do:", flush=True)
        _in_a_process(total, at_once, folder)
        _timed("tables read, file by file", lambda: [store.read(t) for t in ("trials", "epochs")])
        _timed("compacted", lambda: compact(store))
        _timed("tables read", lambda: [store.read(table) for table in ("trials", "epochs")])
        journal = Path(folder) / "scale" / "optuna.journal"
        print(f"Optuna's journal: {journal.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
