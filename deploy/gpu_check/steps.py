"""The steps of the check, the most telling first, and what each needs beside torch."""

from typing import NamedTuple

CORE = ("pydantic", "numpy")
TESTS = (*CORE, "pytest", "pytest-xdist", "hypothesis", "pyarrow", "pandas", "scipy")
BENCHMARKS = (*CORE, "typer", "rich", "scikit-learn", "joblib")
STUDIES = (*BENCHMARKS, "pyarrow", "pandas", "optuna", "ray", "PyYAML")


class Step(NamedTuple):
    """A command of this Python; `{data}` and `{out}` stand for the images and the results."""

    name: str
    arguments: tuple[str, ...]
    packages: tuple[str, ...]


def _study(name: str) -> Step:
    file = f"deploy/gpu_check/{name}.yaml"
    run = ("-m", "pckd.cli", "study", "work", file, "--set", "data.root={data}")
    return Step(name, (*run, "--results", "{out}/results"), STUDIES)


STEPS = (
    Step("machine", ("-m", "deploy.gpu_check.machine"), ()),
    Step("tests", ("-m", "pytest", "tests/cuda", "tests/training", "tests/method", "-rs"), TESTS),
    Step("speed", ("-m", "benchmarks", "gpu", "steps", "methods", "memory"), BENCHMARKS),
    _study("full_run"),
    Step("two_processes", ("-m", "deploy.gpu_check.two_processes"), ()),
    _study("full_methods"),
)
