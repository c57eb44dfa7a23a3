"""What makes two runs the same: configuration with seed, images, and the code that computes."""

import ast
import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pckd.training.config import RunConfig
from pckd.training.run_data import data_fingerprint

COMPUTING_PACKAGES = ("method", "models", "data", "training")
"""The packages of pckd that decide numbers."""

PLACE = {"root", "download", "loader_workers"}
"""The keys of `DataConfig` that say where images come from, and not what they are."""

DIGITS = 12
"""Hexadecimal digits of an identity: 48 bits, enough to tell millions of trials apart."""


def run_identity(config: RunConfig) -> str:
    """The identity of a run: 12 hexadecimal digits.

    Raises:
        InputError: The data set cannot be opened.
    """
    fingerprint = data_fingerprint(config.data, config.protocol)
    content = {"config": identity_values(config), "data": fingerprint, "code": code_version()}
    return _hash(json.dumps(content, sort_keys=True))


def identity_values(config: RunConfig) -> dict[str, Any]:
    """The settings that count for a run's identity.

    Where the images lie, whether they were downloaded and how many processes decode them does not
    count; what they are does. Nor does a teacher, with its bank, that the run has no use for.
    """
    values = config.model_dump(mode="json", exclude={"data": PLACE})
    if not config.needs_teacher:
        del values["teacher"], values["bank"]
    return values


@cache
def code_version() -> str:
    """A hash of the code that decides numbers; comments and descriptions do not count."""
    spec = find_spec("pckd")
    if spec is None or spec.origin is None:
        raise RuntimeError("pckd's own sources are not to be found")
    root = Path(spec.origin).parent
    files = sorted(
        path for package in COMPUTING_PACKAGES for path in (root / package).rglob("*.py")
    )
    return _hash("".join(f"{path.relative_to(root)}\n{_meaning(path)}\n" for path in files))


def _meaning(path: Path) -> str:
    """A file's code without comments, docstrings, descriptions of fields and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [word for word in node.keywords if word.arg != "description"]
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_text(line: ast.AST) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
