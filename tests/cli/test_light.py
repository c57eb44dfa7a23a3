"""Commands that answer at once: they import neither torch nor Ray, nor what else is slow."""

import json
import subprocess
import sys
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
for words in json.loads(sys.argv[2]):
    sys.argv = ["pckd", *words.split()]
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            main()
        except SystemExit as end:
            code = end.code
    ended.append([code, text.getvalue()])
print(json.dumps(ended))
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


def _ended(without: tuple[str, ...], commands: tuple[str, ...], folder: Path) -> list[list[object]]:
    """Exit code and text of commands, in a process in which some packages cannot be imported."""
    arguments = [json.dumps(without), json.dumps(commands)]
    program = [sys.executable, "-c", PROGRAM, *arguments]
    ended = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found: list[list[object]] = json.loads(ended.stdout)
    return found


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A folder with a study file of a misspelt key, and with results of a study."""
    (tmp_path / "key.yaml").write_text(yaml.safe_dump({"study": "key", "run": {"dta": "digits"}}))
    store = ResultsStore(Storage(tmp_path / "results"), "demo")
    row = {"study": "demo", "trial": "a", "epochs_done": 1, "epochs_planned": 2}
    store.write("trials", "a", [{**row, "status": "completed"}])
    return tmp_path


def test_help_lists_and_refusals_need_nothing_slow(folder: Path) -> None:
    ended = _ended(SLOW + TABLES, ANSWERED + REFUSED, folder)
    for words, (code, text) in zip(ANSWERED + REFUSED, ended, strict=True):
        assert code == (2 if words in REFUSED else 0), f"{words}: {text}"
        assert text, words


def test_results_are_read_without_torch_and_pandas(folder: Path) -> None:
    without = (*SLOW, "pandas")
    for words, (code, text) in zip(READ, _ended(without, READ, folder), strict=True):
        assert code == 0, f"{words}: {text}"
