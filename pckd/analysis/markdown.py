"""Tables as Markdown."""

import pandas as pd

from pckd.analysis.summary import Summary

_ESCAPES = str.maketrans({"|": r"\|", "<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " "})


def escaped(text: str) -> str:
    """Text without meaning to Markdown's tables and to HTML."""
    return text.translate(_ESCAPES)


def table_text(frame: pd.DataFrame) -> str:
    """A frame of text as a Markdown table."""
    rows = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    rows += [[escaped(str(cell)) for cell in row] for row in frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def summary_text(summary: Summary) -> str:
    """A summary as a Markdown table with its caption: best in bold, second in italics."""
    cells = summary.marked(lambda text: f"**{text}**", lambda text: f"*{text}*")
    marks = " Best in bold, second in italics." if any(summary.places) else ""
    return f"{table_text(cells)}\n{escaped(summary.caption + marks)}\n"
