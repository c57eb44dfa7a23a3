"""The arrows of the design: which package of pckd may import which, read off the sources."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pckd

ROOT = Path(pckd.__file__).parent
SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))

FOUNDATION = {
    "addresses",
    "errors",
    "files",
    "lazy",
    "loudness",
    "machine",
    "near_misses",
    "nested",
    "plugins",
    "settings",
    "spelling",
    "storage",
    "words",
    "yaml_text",
}
COMPUTING = {"method", "models", "data", "training"}
ARROWS: dict[str, set[str]] = {
    "": {"api", "lazy", "testing", "training", "version"},
    "api": {
        "analysis",
        "distributed",
        "errors",
        "progress",
        "settings",
        "storage",
        "study",
        "training",
    },
    "version": set(),
    "words": set(),
    "errors": set(),
    "lazy": set(),
    "loudness": set(),
    "near_misses": set(),
    "nested": {"errors"},
    "settings": {"errors", "near_misses", "spelling", "yaml_text"},
    "spelling": set(),
    "yaml_text": {"words"},
    "files": set(),
    "machine": set(),
    "addresses": {"errors", "words"},
    "plugins": {"errors", "files", "machine"},
    "storage": {"addresses", "errors", "files"},
    "method": {"errors", "lazy", "near_misses", "settings"},
    "models": {"errors", "lazy"},
    "testing": {"errors", "models", "data", "near_misses", "settings", "method"},
    "data": {
        "addresses",
        "errors",
        "files",
        "lazy",
        "loudness",
        "machine",
        "near_misses",
        "words",
    },
    "survey": {"errors", "data", "files"},
    "training": FOUNDATION | {"method", "models", "data"},
    "transfer": FOUNDATION | COMPUTING,
    "study": FOUNDATION | COMPUTING | {"transfer", "version"},
    "analysis": {
        "errors",
        "files",
        "lazy",
        "loudness",
        "nested",
        "storage",
        "study.document",
        "study.mixed_teachers",
        "study.names",
        "study.planned_rows",
        "study.ranking",
        "study.results",
        "study.table_files",
        "study.pictures.file",
        "version",
        "words",
    },
    "progress": FOUNDATION | {"study"},
    "distributed": FOUNDATION | COMPUTING | {"transfer", "study", "progress"},
    "cli": FOUNDATION
    | COMPUTING
    | {"transfer", "study", "progress", "analysis", "distributed", "survey", "api", "version", ""},
}
"""Packages that each package of pckd may import, besides itself; '' is pckd/__init__.py."""

LIBRARIES = {
    "method": {"torch", "pydantic"},
    "models": {"torch"},
    "models.imagenet": {"torchvision"},
    "models.from_timm": {"timm"},
    "models.checkpoint_files": {"safetensors", "numpy"},
}
"""All that these see of installed libraries."""

CONFINED = {
    "ray": {"distributed"},
    "torchvision": {"models.imagenet", "data"},
    "pydantic": {"settings", "method", "training", "transfer", "study", "distributed", "cli"},
    "typer": {"cli"},
}
"""The only places that see a library."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that some code imports, wherever in the code; of pckd, down to the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                path = ROOT.parent / inner.replace(".", "/")
                yield inner if path.is_dir() or path.with_suffix(".py").is_file() else module


def imports_of(source: str) -> set[str]:
    return set(imported(ast.parse((ROOT / source).read_text(encoding="utf-8"))))


def module_of(source: str) -> str:
    """'study/plan.py' -> 'study.plan'."""
    return source.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".")


def lies_in(module: str, places: set[str]) -> bool:
    """Return whether a module is one of some packages or below one."""
    return any(module == place or (place and module.startswith(f"{place}.")) for place in places)


def library_allowed(module: str, library: str) -> bool:
    """Return whether a module of pckd may import an installed library."""
    if library in CONFINED and not lies_in(module, CONFINED[library]):
        return False
    closed = [libraries for place, libraries in LIBRARIES.items() if lies_in(module, {place})]
    return not closed or any(library in libraries for libraries in closed)


def forbidden(source: str, module: str) -> bool:
    """Return whether a source file may not import a module; relative imports are not read."""
    if module.startswith("."):
        return True
    importer = module_of(source)
    library, _, inner = module.partition(".")
    if library != "pckd":
        return library not in sys.stdlib_module_names and not library_allowed(importer, library)
    layer = importer.partition(".")[0]
    return not lies_in(inner, ARROWS[layer] | {layer} - {""})


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_imports_only_what_its_layer_sees(source: str) -> None:
    wrong = sorted(module for module in imports_of(source) if forbidden(source, module))
    assert not wrong, f"pckd/{source} must not import {', '.join(wrong)}"


def test_every_package_has_its_row_in_the_table() -> None:
    assert {module_of(source).partition(".")[0] for source in SOURCES} == set(ARROWS)


def test_the_arrows_form_no_circle_and_none_leads_to_the_command_line() -> None:
    packages = {layer: {name.partition(".")[0] for name in seen} for layer, seen in ARROWS.items()}
    assert tuple(TopologicalSorter(packages).static_order())[-1] == "cli"
    assert not any("cli" in seen for seen in packages.values())


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("study/plan.py", "import ray"),
        ("study/plan.py", "def run():\n    from ray import tune"),
        ("study/plan.py", "from pckd import distributed"),
        ("training/run.py", "from pckd.study import plan"),
        ("training/run.py", "import pckd.transfer.protocols"),
        ("analysis/report.py", "from pckd.study import plan"),
        ("analysis/report.py", "from pckd.study.plan_table import write_plan"),
        ("analysis/loading.py", "from pckd.study.earlier_plan import ensure_plan"),
        ("analysis/loading.py", "from pckd.study import schema"),
        ("analysis/report.py", "from pckd.training.config import RunConfig"),
        ("method/term.py", "from pckd.storage import Storage"),
        ("method/objective.py", "import numpy as np"),
        ("models/resnet.py", "from torchvision import models"),
        ("data/views.py", "from pydantic import BaseModel"),
        ("study/spec.py", "from pckd.cli.main import main"),
        ("study/spec.py", "from . import plan"),
    ],
)
def test_a_wrong_import_is_found(source: str, code: str) -> None:
    assert any(forbidden(source, module) for module in imported(ast.parse(code)))


def test_all_but_the_distributed_package_is_imported_without_ray() -> None:
    names = [
        f"pckd.{module_of(source)}".rstrip(".")
        for source in SOURCES
        if not source.startswith("distributed/") and not source.endswith("__main__.py")
    ]
    program = f"""
import importlib, sys
sys.modules["ray"] = None
for name in {names}:
    importlib.import_module(name)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
