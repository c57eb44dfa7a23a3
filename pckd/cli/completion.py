"""Names that a shell completes; nothing slow is imported for them."""

import os
from collections.abc import Iterable
from pathlib import Path

from typer import Context

from pckd.study.names import RESERVED


def study_files(incomplete: str) -> list[str]:
    """Names of study files that can be run by name, and paths of others."""
    from pckd.study.finding import available_studies

    paths = Path().glob(f"{incomplete}*.yaml") if incomplete else ()
    return _beginning([*available_studies(), *map(str, paths)], incomplete)


def installed_studies(incomplete: str) -> list[str]:
    """Names of the study files that are installed with pckd."""
    from pckd.study.finding import installed

    return _beginning(installed(), incomplete)


def kept_studies(context: Context, incomplete: str) -> list[str]:
    """Names of the studies below the results root, where that is a folder of this machine."""
    root = Path(context.params.get("results") or "results")
    if "://" in str(root) or not root.is_dir():
        return []
    with os.scandir(root) as entries:
        names = {entry.name for entry in entries if entry.is_dir()}
    return _beginning(names.difference(RESERVED), incomplete)


def methods(incomplete: str) -> list[str]:
    """Names of methods."""
    from pckd.method.presets import PRESETS

    return _beginning(PRESETS, incomplete)


def terms(incomplete: str) -> list[str]:
    """Names of terms."""
    from pckd.method import list_terms

    return _beginning(list_terms(), incomplete)


def networks(incomplete: str) -> list[str]:
    """Names of architectures."""
    from pckd.models import list_models

    return _beginning(list_models(), incomplete)


def data_sets(incomplete: str) -> list[str]:
    """Names of data sets."""
    from pckd.data import list_data

    return _beginning(list_data(), incomplete)


def _beginning(names: Iterable[str], start: str) -> list[str]:
    return sorted(name for name in names if name.startswith(start))
