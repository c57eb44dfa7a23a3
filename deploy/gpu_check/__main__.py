"""`python -m deploy.gpu_check pack|run`; see the package's description."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import deploy.gpu_check
from deploy.gpu_check.parts import DamagedError, join, split
from deploy.gpu_check.running import run_steps, use_packages
from deploy.gpu_check.wheels import download, install


def pack(parts: Path, data_root: Path) -> int:
    """Write wheels and images as parts."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder)
        download(whole / "wheels")
        shutil.copytree(data_root, whole / "data")
        print(f"{split(whole, parts)} parts in {parts}")
    return 0


def run(parts: Path, out: Path) -> int:
    """Unpack the parts once, and run what is not done."""
    unpacked, packages = out / "unpacked", out / "packages"
    out.mkdir(parents=True, exist_ok=True)
    if not unpacked.exists():
        join(parts, out / "unpacking")
        (out / "unpacking").rename(unpacked)
    if not packages.exists():
        try:
            install(unpacked / "wheels", packages)
        except subprocess.CalledProcessError as error:
            print(f"the carried wheels do not suit this Python: {error}")
    use_packages(packages)
    places = {"data": str(unpacked / "data"), "out": str(out)}
    return 0 if run_steps(places, out) else 1


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.gpu_check",
        description=deploy.gpu_check.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write wheels and images as parts")
    packing.add_argument("parts", type=Path, help="a new folder")
    packing.add_argument("--data-root", type=Path, required=True, help="folder of CIFAR-100")
    running = commands.add_parser("run", help="run what is not done")
    running.add_argument("parts", type=Path, help="the folder that pack wrote")
    running.add_argument("out", type=Path, help="where results go")
    given = parser.parse_args()
    try:
        if given.command == "pack":
            return pack(given.parts, given.data_root)
        return run(given.parts, given.out.resolve())
    except (DamagedError, OSError, subprocess.CalledProcessError) as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
