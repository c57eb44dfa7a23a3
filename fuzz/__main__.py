"""`python -m fuzz`: damage files of each kind, and see what their readers make of them."""

import argparse
import multiprocessing
import sys

from fuzz.running import fuzz_alone
from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz all kinds, each ended with its number of surprises; exit with 1 if there was one."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = False
    for kind in TARGETS:
        arguments = (kind, options.count, options.seed)
        process = multiprocessing.get_context("spawn").Process(target=fuzz_alone, args=arguments)
        process.start()
        process.join()
        print(f"{kind}: {options.count} damaged files, ended with {process.exitcode}", flush=True)
        failed |= process.exitcode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
