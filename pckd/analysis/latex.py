"""Tables for LaTeX, with the rules of booktabs."""

import re
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pandas as pd

from pckd.analysis.summary import CONFIGURATION, Summary

_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\texttt{\char34}",  # straight in each encoding, and no shorthand of babel
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "ς": r"$\varsigma$",
    "\N{NO-BREAK SPACE}": "~",
    "\n": " ",
    "[": "{[}",  # at the start of a row it would be an argument of the row before
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}

_LATIN = {
    **{
        greek: rf"\mathrm{{{latin}}}"
        for greek, latin in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)  # noqa: RUF001
    },
    "ο": "o",  # noqa: RUF001
}
"""Greek letters that TeX has no command for, as the Latin ones that look the same."""

_JOINED = re.compile(r"([-,])(?=\1)")
"""A sign that fonts join with the next: two hyphens would print as a dash."""

_FITTED = r"  \resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%"
"""Start of what is made smaller where it is wider than the text around it."""


def latex_text(text: str) -> str:
    """Text as LaTeX prints it unchanged: its own signs escaped, Greek letters as symbols."""
    escaped = "".join(_SIGNS.get(sign) or _greek(sign) for sign in text)
    return _JOINED.sub(r"\1\\kern0pt ", escaped)


def latex_table(summary: Summary) -> str:
    r"""A summary as a table to `\input`: best in bold, second underlined, n in the caption."""
    rows = replace(summary, cells=_typeset(summary.cells)).marked(_bold, _underlined)
    body = [f"    {' & '.join(row)} \\\\" for row in rows.itertuples(index=False)]
    for place, (group, following) in enumerate(pairwise(summary.groups)):
        if group != following:
            body[place] += "\n    \\midrule"
    marks = " Best in bold, second underlined." if any(summary.places) else ""
    return "\n".join(
        [
            r"% needs \usepackage{booktabs,graphicx}",
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex_text(summary.caption + marks)}}}",
            r"  \medskip",
            _FITTED,
            f"  \\begin{{tabular}}{{{''.join(map(_alignment, rows.columns))}}}",
            r"    \toprule",
            f"    {' & '.join(map(latex_text, rows.columns))} \\\\",
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _typeset(cells: pd.DataFrame) -> pd.DataFrame:
    texts = cells.map(latex_text)
    if CONFIGURATION in texts:
        texts[CONFIGURATION] = r"\raggedright " + texts[CONFIGURATION]
    return texts


def _alignment(column: str) -> str:
    return r"p{0.6\linewidth}" if column == CONFIGURATION else "l"


def _bold(text: str) -> str:
    return f"\\textbf{{{text}}}"


def _underlined(text: str) -> str:
    return f"\\underline{{{text}}}"


def _greek(sign: str) -> str:
    r"""`$\lambda$` or `$\Lambda$` for a Greek letter, any other sign as it is."""
    start, _, name = unicodedata.name(sign, "").rpartition(" ")
    letter = name.lower().replace("lamda", "lambda")
    commands = {"GREEK SMALL LETTER": letter, "GREEK CAPITAL LETTER": letter.capitalize()}
    if start not in commands:
        return sign
    command = _LATIN.get(sign, f"\\{commands[start]}")
    return f"${command}$"
