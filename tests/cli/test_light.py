"""Commands that answer at once: they import neither torch nor Ray, nor what else is slow."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from pckd.storage import Storage
from pckd.study.results import ResultsStore

SLOW = ("torch", "torchvision", "ray", "optuna", "scipy", "sklearn", "matplotlib")
TABLES = ("pandas", "pyarrow")

PROGRAM = """
import contextlib, io, json, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None  # cannot be imported
from pckd.cli import main
ended = []
names, commands = json.loads(sys.argv[2]), json.loads(sys.argv[3])
for words in commands:
    sys.argv = ["pckd", *words.split()]
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            main()
        except SystemExit as end:
            code = end.code
    ended.append([code, text.getvalue()])
print(json.dumps([ended, [name for name in names if sys.modules.get(name)]]))
"""

HELP = (
    *("study", "study run", "study status", "teacher import", "data check", "results show"),
    *("results export", "cluster submit", "distill", "evaluate", "export", "probe", "report"),
    *("verify", "models", "terms", "methods"),
)
ANSWERED = (
    *("--help", "--version", *(f"{words} --help" for words in HELP)),
    *("study list --available", "study list --available --json"),
    *("terms", "terms --json", "terms kd", "methods", "methods --json", "methods kd"),
    *("models", "models --json", "models wrn_16_2"),
)
REFUSED = (
    *("stduy", "study rnu", "study run", "study run demo --bogus", "study run nothing"),
    *("study run nothing.yaml", "study run demo --set seeds", "study run demo --set seads=[0]"),
    *("study run demo --set optimization.epocs=1", "study run demo --set student=resnt8"),
    *(
        "study run key.yaml",
        "study run demo --set loss.kdd=1",
        "distill --student resnt8",
        "distill --student resnet8 --data digts",
    ),
    *("evaluate nothing.pt --data digits", "export nothing.pt to.onnx", "terms kdd"),
    *(
        "methods kdd",
        "models resnt8",
        "probe demo --data digts",
        "probe demo --data digits --protocol exat",
    ),
)
READ = (
    *("study status demo", "study list", "results show demo", "results show demo"),
    *("results show demo epochs --json", "teacher list"),
)


def _ended(
    without: tuple[str, ...], commands: tuple[str, ...], folder: Path
) -> tuple[list[list[object]], list[str]]:
    """Exit code and text of commands, in a process in which some packages cannot be imported.

    And which of TABLES were imported all the same.
    """
    arguments = map(json.dumps, (without, TABLES, commands))
    program = [sys.executable, "-c", PROGRAM, *arguments]
    ended = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found: tuple[list[list[object]], list[str]] = json.loads(ended.stdout)
    return found


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A folder with a study file of a misspelt key, and with results of a study."""
    (tmp_path / "key.yaml").write_text(yaml.safe_dump({"study": "key", "run": {"dta": "digits"}}))
    store = ResultsStore(Storage(tmp_path / "results"), "demo")
    row = {"study": "demo", "trial": "a", "epochs_done": 1, "epochs_planned": 2}
    row["started"] = datetime(2026, 1, 2, tzinfo=UTC)
    store.write("trials", "a", [{**row, "status": "completed"}])
    return tmp_path


def test_help_lists_and_refusals_need_nothing_slow(folder: Path) -> None:
    ended, _ = _ended(SLOW + TABLES, ANSWERED + REFUSED, folder)
    for words, (code, text) in zip(ANSWERED + REFUSED, ended, strict=True):
        assert code == (2 if words in REFUSED else 0), f"{words}: {text}"
        assert text, words


def test_results_are_read_without_torch_and_pandas(folder: Path) -> None:
    ended, imported = _ended(SLOW, READ, folder)
    for words, (code, text) in zip(READ, ended, strict=True):
        assert code == 0, f"{words}: {text}"
    assert imported == ["pyarrow"]  # which imports pandas by itself for scalars and zones of time
