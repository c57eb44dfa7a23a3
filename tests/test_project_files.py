"""The files at the top of the repository: they agree with each other and with the package."""

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import pckd
from pckd.method.describing import built_in_text
from pckd.method.presets import PRESETS
from pckd.method.registry import BUILT_IN, find_term
from pckd.study.json_schema import schema_text
from pckd.study.results_page import results_page
from pckd.training.method_settings import settings_text

ROOT = Path(pckd.__file__).parent.parent
CODE = ("pckd", "tests", "benchmarks", "deploy", "fuzz")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    described: dict[str, Any] = tomllib.loads(read("pyproject.toml"))["project"]
    return described


def test_one_version_and_one_license_everywhere(project: dict[str, Any]) -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert project["version"] == citation["version"] == pckd.__version__
    assert project["license"] == citation["license"] == "Apache-2.0"
    assert "Apache License" in read("LICENSE")


def test_types_are_offered_to_those_who_install_the_package() -> None:
    data = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["package-data"]["pckd"]
    assert "py.typed" in data
    assert (ROOT / "pckd" / "py.typed").is_file()


def test_versions_of_torch_with_a_known_hole_are_not_allowed(project: dict[str, Any]) -> None:
    assert "torch>=2.10" in project["dependencies"]
    assert "torchvision>=0.25" in project["dependencies"]  # the one that belongs to torch 2.10


def test_pre_commit_runs_the_linters_of_ci() -> None:
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    linters = re.search(r"^lint:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert linters is not None
    commands = linters[1].replace("\t", "").replace("$(BIN)", ".venv/bin").splitlines()
    assert [hook["entry"] for hook in hooks] == commands


def test_the_changelog_names_keys_and_methods_that_exist() -> None:
    unreleased = read("CHANGELOG.md")
    renamed = re.findall(r"\| `loss\.\w+` \| `loss\.(\w+)\.(\w+)` \|", unreleased)
    assert len(renamed) == 4
    for term, parameter in renamed:
        assert term in BUILT_IN
        assert parameter in find_term(term).Config.model_fields
    listed = re.search(r"published method:([^.]+)\.", unreleased)
    assert listed is not None
    assert set(PRESETS) <= set(re.findall(r"\w+", listed[1]))


@pytest.mark.parametrize(
    ("file", "made"),
    [
        ("pckd/method/terms.json", built_in_text),
        ("pckd/training/methods.json", settings_text),
        ("studies/study.schema.json", schema_text),
        ("docs/results.md", results_page),
    ],
)
def test_files_that_are_made_from_the_code_are_made_from_todays(
    file: str, made: Callable[[], str]
) -> None:
    assert read(file) == made(), f"{file} is made from the code: run make generated"


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8"))
    for file, heading in links:
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not heading or heading in anchors(target), f"{file}#{heading}"


def test_the_index_names_every_page() -> None:
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in PAGES if page.is_relative_to(docs)}
    assert pages - {"index.md"} <= set(re.findall(r"\]\(([\w/]+\.md)\)", read("docs/index.md")))


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) < 120


VAGUE = re.compile(r"(What|Of|Those|That which|From .* to|How|Whether|Where)\b")


def first_lines(path: Path) -> list[str]:
    """The first lines of a file's docstrings, those of attributes included, with their places."""
    texts = (
        (node.lineno, node.value.value)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
    return [
        f"{path.relative_to(ROOT)}:{line}: {text.lstrip().splitlines()[0]}"
        for line, text in texts
        if isinstance(text, str)
    ]


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    lines = [line for path in (ROOT / "pckd").rglob("*.py") for line in first_lines(path)]
    assert len(lines) > 1000
    assert [line for line in lines if VAGUE.match(line.split(": ", 1)[1])] == []


def test_no_process_is_forked_from_one_that_may_have_threads() -> None:
    """Such a process crashed once in a while: tests take theirs from `tests.processes`."""
    sources = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 300
    forking = [
        path for path in sources if re.search(r"[\"']fork[\"']|os\.fork\(", path.read_text())
    ]
    assert forking == []
