"""Style that all figures share: sizes, fonts, colours, axes."""

import io
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from textwrap import fill
from typing import Any, Literal, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform

LETTERS_PER_INCH = 18
"""Letters per inch of a legend."""
LEGEND_LABEL = 48
"""Letters in a line of a legend's label."""

COLUMN = 3.4
"""Inches: one column of a paper."""
PAGE = 7.0
"""Inches: both columns."""

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
GREY, PALE = "#7F7F7F", "#C8C8C8"
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
"""Okabe and Ito's, told apart by colour-blind readers; without yellow, too faint on white."""
EMPHASIS = VERMILLION
"""Colour of the default and of the best."""

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "savefig.dpi": 200,
    "svg.hashsalt": "pckd",
    "text.parse_math": False,  # names of cases are the user's own, with any sign in them
}

Arguments = ParamSpec("Arguments")
Direction = Literal["x", "y"]


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """A drawing function that draws in this style, whatever the caller's settings are."""

    @wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


def grid_of(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    used: int | None = None,
    **shared: Any,  # noqa: ANN401
) -> tuple[Figure, list[Axes]]:
    """An empty figure.

    Args:
        width: Inches.
        height: Inches.
        rows: Of panels.
        columns: Of panels.
        used: Panels that are needed, if not all; the others are hidden.
        shared: Further arguments of `Figure.subplots`.

    Returns:
        The figure and the panels in use, row by row.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    panels: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
    count = len(panels) if used is None else used
    for panel in panels[count:]:
        panel.set_visible(False)
    return figure, panels[:count]


def save(figure: Figure, form: str) -> bytes:
    """The figure as a file; the same figure gives the same bytes.

    Args:
        figure: A figure.
        form: png (200 dots an inch) or svg.
    """
    stream = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else None
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A case's name in a script that the font lacks shows as boxes; the tables have it whole.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(stream, format=form, metadata=metadata)
    return stream.getvalue()


def legend_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """A legend below the panels, in as many columns as its labels leave room for.

    Args:
        figure: With its panels.
        handles: With their labels; long ones are broken.
    """
    labels = [fill(str(handle.get_label()), LEGEND_LABEL) for handle in handles]
    longest = max((len(line) for label in labels for line in label.split("\n")), default=0)
    room = int(figure.get_figwidth() * LETTERS_PER_INCH / (longest + 7))
    figure.legend(
        list(handles), labels, loc="outside lower center", ncols=max(1, min(5, room, len(labels)))
    )


def broken(title: str, inches: float) -> str:
    """A panel's title in lines that are as long as the panel is wide."""
    return fill(title, max(8, int(0.9 * inches * LETTERS_PER_INCH)))


def colour(index: int) -> str:
    """The colour of the case at this position, the same in every figure."""
    return COLOURS[index % len(COLOURS)]


def shifted(axes: Axes, right: float = 0, down: float = 0) -> Transform:
    """Data coordinates moved by some points of print (1/72 inch)."""
    figure: Any = axes.figure
    return axes.transData + ScaledTranslation(right / 72, -down / 72, figure.dpi_scale_trans)


def percent_limits(axes: Axes, which: Direction) -> None:
    """End an axis of percentages at 0 and 100 where an interval would carry it further."""
    low, high = getattr(axes, f"get_{which}lim")()
    getattr(axes, f"set_{which}lim")(max(low, -2), min(high, 102))


def log_axis(axes: Axes, which: Direction, ticks: Sequence[float] = ()) -> None:
    """A logarithmic axis with plain numbers: 0.01, 0.1, 1.

    Args:
        axes: The panel.
        which: x or y.
        ticks: Where to put the numbers; by default at decades, or at 1, 2, 5 on a short axis.
    """
    getattr(axes, f"set_{which}scale")("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = getattr(axes, f"get_{which}lim")()
    decades = LogLocator(subs=(1.0,) if high > 30 * low else (1.0, 2.0, 5.0), numticks=6)
    axis.set_major_locator(FixedLocator(list(ticks)) if ticks else decades)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def letters(panels: Sequence[Axes]) -> None:
    """Panels named (a), (b), ... before their titles, on the left."""
    for index, panel in enumerate(panels):
        title = panel.get_title()
        panel.set_title("")
        panel.set_title(f"({chr(ord('a') + index)}) {title}".rstrip(), loc="left")
