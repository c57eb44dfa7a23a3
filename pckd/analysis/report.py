"""The report: one self-contained page, and its parts as files."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from pckd.analysis.describing import labelled, scale_label
from pckd.analysis.figures.style import save
from pckd.analysis.loading import StudyResults, load_study
from pckd.analysis.markdown import escaped, table_text
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.sections import OF_A_SEARCH, SECTIONS
from pckd.errors import InputError
from pckd.files import write_atomically
from pckd.storage import Storage
from pckd.version import __version__

PAGES = ("report.html", "report.md")


@dataclass(frozen=True, slots=True)
class StudyReport:
    """A study, what is said of it, and where its files lie."""

    study: StudyResults
    sections: Sequence[Section]
    folder: Path

    @property
    def subtitle(self) -> str:
        """Title of the experiment that the study reproduces, with its scale if not full."""
        return "; ".join(part for part in (self.study.source, scale_label(self.study)) if part)


def write_report(storage: Storage, studies: Sequence[str], folder: Path) -> Path:
    """One self-contained page and its parts, below a folder.

    The page is `report.html`; `report.md` says the same in Markdown. Below `STUDY/` lie the figures
    as PNG and SVG, and the numbers behind tables and figures as CSV (full precision) and Markdown.

    Args:
        storage: The results root.
        studies: Names, in the order of the report; one named twice appears once.
        folder: Made if it is not there; files of the same names are replaced.

    Returns:
        The path of the page.

    Raises:
        InputError: No study is named, or one does not exist; nothing is written then.
    """
    if not studies:
        raise InputError("a report needs the name of at least one study")
    loaded = [load_study(storage, name) for name in dict.fromkeys(studies)]
    reports = [StudyReport(study, _sections(study), folder / study.name) for study in loaded]
    for report in reports:
        report.folder.mkdir(parents=True, exist_ok=True)
        for section in report.sections:
            for part in section.parts:
                _write_part(part, report.folder)
    for name in PAGES:
        _write(folder / name, _render(name, reports))
    return folder / "report.html"


def _sections(study: StudyResults) -> list[Section]:
    made = [
        section(each)
        for section in SECTIONS
        for each in (study.by_space() if section in OF_A_SEARCH else [study])
    ]
    return [_labelled(section, study) for section in made if section is not None]


def _labelled(section: Section, study: StudyResults) -> Section:
    """The section with the scale in front of each caption, so that no part goes without it."""
    parts = [
        part
        if isinstance(part, Paragraph)
        else replace(part, caption=labelled(study, part.caption))
        for part in section.parts
    ]
    return Section(section.title, parts)


def _write_part(part: Part, folder: Path) -> None:
    if isinstance(part, Table):
        _write(folder / f"{part.name}.csv", part.values.to_csv(index=False))
        _write(folder / f"{part.name}.md", f"{table_text(part.shown)}\n{escaped(part.caption)}\n")
    elif isinstance(part, Picture):
        if part.values is not None:
            _write(folder / f"{part.name}.csv", part.values.to_csv(index=False))
        for form in ("png", "svg"):
            _write(folder / f"{part.name}.{form}", save(part.figure, form))


def _write(path: Path, content: str | bytes) -> None:
    written = content.encode() if isinstance(content, str) else content
    write_atomically(path, lambda stream: stream.write(written))


def _render(page: str, reports: Sequence[StudyReport]) -> str:
    environment = Environment(
        loader=PackageLoader("pckd.analysis"),
        autoescape=page.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _breakable,
        "data_uri": _data_uri,
        "escaped": escaped,
        "markdown_table": table_text,
    }
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    template = environment.get_template(f"{page}.j2")
    return template.render(reports=reports, made=made, version=__version__)


def _data_uri(picture: Picture, folder: Path) -> str:
    content = (folder / f"{picture.name}.svg").read_bytes()
    return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"


def _breakable(key: str) -> str:
    """A dotted key that may be broken after dots and underscores."""
    space = "\N{ZERO WIDTH SPACE}"
    return key.replace(".", f".{space}").replace("_", f"_{space}")
