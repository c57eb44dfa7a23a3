import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pckd.analysis.figures.dots import DotPanel, DotRow, dot_plot
from pckd.analysis.figures.learning import learning_plot
from pckd.analysis.figures.parallel import parallel_plot
from pckd.analysis.figures.slices import slices_plot
from pckd.analysis.figures.style import COLOURS, EMPHASIS, PALE, colour, log_axis, save
from pckd.analysis.search_space import SearchedKey
from pckd.analysis.statistics import mean_interval

NO_TRIALS = pd.DataFrame(columns=["pair", "trial", "status", "epoch", "top1"])


def curves(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"pair": "", "position": case, "case": f"case {case}", "epoch": epoch, "n": 1}
            | dict.fromkeys(("mean", "low", "high"), 50.0 + case + epoch)
            for case in range(count)
            for epoch in (1, 2)
        ]
    )


def colours_of(figure: Figure) -> list[str]:
    return [str(to_hex(line.get_color())).upper() for line in figure.axes[0].lines]


def test_few_cases_have_a_colour_each_and_of_many_one_stands_out() -> None:
    few = learning_plot(curves(3), NO_TRIALS, {"case 0": "case 0"}, "top-1 (%)")
    assert colours_of(few) == list(COLOURS[:3])
    many = learning_plot(curves(9), NO_TRIALS, {"case 2": "the best"}, "top-1 (%)")
    assert colours_of(many).count(EMPHASIS) == 1
    assert colours_of(many).count(PALE) == 8


def test_curves_of_trials_that_did_not_complete_end_in_a_marker() -> None:
    rows = pd.DataFrame(
        {"pair": "", "trial": "t", "status": "stopped", "epoch": [1, 2], "top1": [10.0, 20.0]}
    )
    figure = learning_plot(curves(1), rows, {}, "top-1 (%)")
    assert figure.axes[0].lines[0].get_marker() == "x"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["case 0", "stopped early"]


def test_a_legend_stays_within_the_figure() -> None:
    names = ["KD + CKD + preview (PCKD)", "x" * 120, "CE", "KD"]
    rows = curves(4)
    rows["case"] = [names[position] for position in rows["position"]]
    figure = learning_plot(rows, NO_TRIALS, {}, "top-1 (%)")
    save(figure, "png")
    extent = figure.legends[0].get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.x1
    assert extent.y0 >= 0 and extent.y1 <= figure.axes[0].get_window_extent().y0


def test_colours_come_round_in_the_same_order() -> None:
    assert colour(0) == colour(len(COLOURS)) == COLOURS[0]
    assert len(set(COLOURS)) == len(COLOURS)


@pytest.fixture
def ranked() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "status": ["completed"] * 10 + ["stopped", "failed"],
            "rank": [*range(1, 11), 0, 0],
            "heldout_mean": [*np.linspace(90, 80, 10), 30.0, np.nan],
            "rate": np.geomspace(0.01, 1.0, 12),
            "kind": ["a", "b"] * 6,
            "depth": [0.5, np.nan] * 6,  # active where kind is a
        }
    )


SPACE = [
    SearchedKey("rate", 0.01, 1.0, is_log=True),
    SearchedKey("kind", choices=("a", "b")),
    SearchedKey("depth"),
]


def test_slices_have_a_log_axis_where_the_search_has_one(ranked: pd.DataFrame) -> None:
    figure = slices_plot(ranked, SPACE, "held-out top-1 (%)")
    panels: list[Axes] = figure.axes
    assert [panel.get_xscale() for panel in panels] == ["log", "linear", "linear"]
    drawn = [len(np.asarray(line.get_xdata())) for line in panels[0].lines]
    assert drawn == [1, 8, 2]  # stopped, rest, best


@pytest.mark.parametrize(("high", "expected"), [(0.5, {0.1, 0.2, 0.5}), (1000.0, {0.1, 10.0})])
def test_a_log_axis_has_several_plain_numbers(high: float, expected: set[float]) -> None:
    axes = Figure().subplots()
    axes.set_xlim(0.1, high)
    log_axis(axes, "x")
    low, top = axes.get_xlim()
    ticks = {round(float(tick), 9) for tick in axes.get_xticks() if low <= tick <= top}
    assert expected <= ticks and len(ticks) >= 3
    assert axes.xaxis.get_major_formatter()(0.1) == "0.1"


def test_parallel_coordinates_mark_the_best_fifth_and_the_stopped(ranked: pd.DataFrame) -> None:
    figure = parallel_plot(ranked, SPACE, "top-1 (%)")
    lines = [line for line in figure.axes[0].lines if len(np.asarray(line.get_xdata())) == 4]
    assert len(lines) == 11  # the failed one has no accuracy
    shades = [str(to_hex(line.get_color())).upper() for line in lines]
    assert shades.count(EMPHASIS) == 2
    dashed = [line for line in lines if line.is_dashed()]
    assert len(dashed) == 1
    best = lines[-1].get_ydata()
    assert np.asarray(best)[:2].tolist() == pytest.approx([0.0, 0.0])


def test_an_interval_beyond_100_percent_does_not_stretch_the_axis() -> None:
    points = [99.0, 60.0]
    row = DotRow("case", points, mean_interval(points), COLOURS[0])
    low, high = dot_plot([DotPanel("", [row])], "top-1 (%)").axes[0].get_xlim()
    assert low >= -2 and high <= 102


@pytest.mark.parametrize("name", ["$\\frac{", "_hidden", "字", "a\nb", "<b>&</b>", "%s {0}"])
def test_any_name_can_be_drawn(name: str) -> None:
    row = DotRow(name, [50.0], mean_interval([50.0]), COLOURS[0])
    assert save(dot_plot([DotPanel(name, [row])], "top-1 (%)"), "png").startswith(b"\x89PNG")
