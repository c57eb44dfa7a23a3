"""The machine: processor, versions, GPU and driver, and which packages are missing."""

import platform
import shutil
import subprocess

import torch

from deploy.gpu_check.steps import STEPS
from deploy.gpu_check.wheels import missing

QUERY = "name,driver_version,memory.total,memory.used,utilization.gpu,compute_cap"


def main() -> None:
    """Print what is known of the machine."""
    print(f"{platform.platform()}, Python {platform.python_version()}")
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}")
    print(f"cuDNN {torch.backends.cudnn.version()}")
    print(f"GPUs that torch sees: {torch.cuda.device_count()}")
    print(_nvidia_smi())
    for step in STEPS:
        lacking = missing(step.packages)
        print(f"step {step.name}: " + (f"lacks {', '.join(lacking)}" if lacking else "can run"))


def _nvidia_smi() -> str:
    if shutil.which("nvidia-smi") is None:
        return "there is no nvidia-smi here"
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
