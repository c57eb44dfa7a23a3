"""Settings of the methods, written out; they are read from a file, without importing a term.

`python -m pckd.training.method_settings` writes the file anew.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from pckd.method.presets import PRESETS, Preset, find_preset

FILE = Path(__file__).with_name("methods.json")


def settings_of(name: str) -> dict[str, Any]:
    """The keys of a run that a method sets, with the defaults of its terms.

    Raises:
        InputError: There is no such method.
    """
    find_preset(name)
    return _written()[name]


def settings_text() -> str:
    """The content of the file."""
    found = {name: _settings(name, preset) for name, preset in PRESETS.items()}
    return json.dumps(found, indent=1) + "\n"


def _settings(name: str, preset: Preset) -> dict[str, Any]:
    from pckd.training.config import OptimizationConfig, PreviewConfig
    from pckd.training.loss_config import Loss

    return {
        "method": name,
        "loss": Loss.model_validate(preset.terms).model_dump(mode="json"),
        "preview": PreviewConfig.model_validate(preset.preview).model_dump(mode="json"),
        "optimization": OptimizationConfig(**preset.optimization).model_dump(mode="json"),
    }


@cache
def _written() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    FILE.write_text(settings_text(), encoding="utf-8")
