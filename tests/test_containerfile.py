"""deploy/Containerfile: what can be checked of it without building it."""

import re
from pathlib import Path

import dockerfile
import ray

ROOT = Path(__file__).parent.parent
FILE = ROOT / "deploy/Containerfile"
TEXT = FILE.read_text(encoding="utf-8")


def test_docker_s_own_parser_reads_it() -> None:
    commands = [command.cmd.upper() for command in dockerfile.parse_file(str(FILE))]
    assert commands[:2] == ["ARG", "FROM"]
    assert commands[-1] == "CMD"


def test_what_is_copied_is_there_and_complete() -> None:
    copied = re.findall(r"^COPY --chown=\S+ (.+) \S+$", TEXT, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert all((ROOT / name).exists() for name in names)
    assert {"pyproject.toml", "README.md", "LICENSE", "pckd"} <= set(names)
    linked = (ROOT / "pckd/studies").readlink().name
    assert linked in names


def test_the_image_has_this_ray_and_this_python() -> None:
    assert f"FROM rayproject/ray:{ray.__version__}-py311-" in TEXT
