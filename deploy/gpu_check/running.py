"""Running of the steps: each once, its text and its outcome kept as soon as they are there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.gpu_check.steps import STEPS, Step
from deploy.gpu_check.wheels import missing


def run_steps(places: Mapping[str, str], out: Path, steps: tuple[Step, ...] = STEPS) -> bool:
    """Run the steps that have not succeeded yet; returns whether all have now.

    Args:
        places: What `data` and `out` stand for in their arguments.
        out: Where `STEP.log` and `STEP.json` go.
        steps: In their order.
    """
    ended = [_run_once(step, places, out) for step in steps]
    return all(ended)


def _run_once(step: Step, places: Mapping[str, str], out: Path) -> bool:
    kept = out / f"{step.name}.json"
    if kept.exists() and json.loads(kept.read_text())["code"] == 0:
        print(f"{step.name}: done before")
        return True
    lacking = missing(step.packages)
    if lacking:
        print(f"{step.name}: left out, this Python lacks {', '.join(lacking)}")
        return False
    outcome = _run(step, places, out / f"{step.name}.log")
    kept.write_text(json.dumps(outcome))
    ending = "done" if outcome["code"] == 0 else f"failed, see {out / step.name}.log"
    print(f"{step.name}: {ending}, {outcome['seconds']:.0f} s", flush=True)
    return outcome["code"] == 0


def _run(step: Step, places: Mapping[str, str], log: Path) -> dict[str, float]:
    arguments = [argument.format(**places) for argument in step.arguments]
    started = time.monotonic()
    with log.open("a") as file:
        print(f"$ python {' '.join(arguments)}", file=file, flush=True)
        ended = subprocess.run(
            [sys.executable, *arguments], stdout=file, stderr=subprocess.STDOUT, check=False
        )
    return {"code": ended.returncode, "seconds": time.monotonic() - started}


def use_packages(folder: Path) -> None:
    """Let this process and its children find packages in a folder, after their own."""
    sys.path.append(str(folder))
    earlier = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, earlier), str(folder)])
