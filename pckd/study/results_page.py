"""The page docs/results.md: every column of the result tables, and how and where they are read.

`python -m pckd.study.results_page` prints it.
"""

from pckd.study.pictures.file import ARRAYS
from pckd.study.schema import SCHEMAS, VERSION

START = f"""\
# Results

Every number lands in Parquet, below `ROOT/STUDY/TABLE/*.parquet`, where TABLE is one of
{", ".join(SCHEMAS)}.
Read them with pandas, polars or DuckDB; this package is not needed. Files carry the
table's name and the schema's version ({VERSION}) in their metadata. `pckd results show STUDY TABLE`
prints one: a terminal gets the first rows, or all of them with `--all`, and a pipe gets all.
This page is made from `pckd/study/schema.py` by `python -m pckd.study.results_page`."""

ABOUT = {
    "trials": "One row per trial.",
    "epochs": "One row per trial and epoch.",
    "probes": "One row per network, target data set, protocol and seed.",
    "plan": "One row per planned pair, case and seed: join it with the other tables on `trial`. "
    "Several rows may name one trial, such as those of a student that learns without a teacher "
    "and so is the same beside every teacher.",
    "verdicts": "One row per candidate and reference, if seeds are taken until it is clear.",
}
"""Rows of each table, in words."""

LINES = """\
## In one line

A trial whose settings, code or images changed has a new identity, and its old row stays: those that
count are named by the table `plan`, and `pckd results show` and `export` say so in a column
`is_planned`. With pandas, after

```python
import pandas as pd

plan = pd.read_parquet("results/demo/plan")
trials = pd.read_parquet("results/demo/trials").merge(plan[["trial"]].drop_duplicates())
epochs = pd.read_parquet("results/demo/epochs").merge(trials[["trial"]])
```

or, of all rows, with DuckDB, in its shell or as `duckdb.sql(...)`. Terms have no columns of their
own: a trial has a list of its terms' parameters, an epoch one of its terms' losses."""

IN_ONE_LINE = {
    "Mean accuracy of each method": (
        'trials.groupby("method")["test_top1"].agg(["mean", "std", "count"])',
        "SELECT method, avg(test_top1), stddev(test_top1), count(*) "
        "FROM 'results/demo/trials/*.parquet' GROUP BY method",
    ),
    "Weights and parameters, one row per trial, term and parameter": (
        'pd.json_normalize(trials[["trial", "terms"]].explode("terms").to_dict("records"))',
        "SELECT trial, unnest(terms, recursive := true) FROM 'results/demo/trials/*.parquet'",
    ),
    "Losses, one row per trial, epoch and term": (
        'pd.json_normalize(epochs[["trial", "epoch", "terms"]]'
        '.explode("terms").to_dict("records"))',
        "SELECT trial, epoch, unnest(terms, recursive := true) "
        "FROM 'results/demo/epochs/*.parquet'",
    ),
}
"""Ways to read terms: by pandas from `trials` and `epochs`, by DuckDB from their files."""

PLACES = """\
## Where the root may lie

Each file is written by one process, whole, and replaced whole; readers take no lock.

* **On a local disk** a file is written under another name, flushed, and renamed. Relied
  on: a rename replaces the old file at once, and `flock` keeps a second driver, a second
  training of the same teacher and the like out.
* **On a network file system** (NFS, Lustre, CephFS) the same is relied on, and that all
  machines share the locks (Lustre: mount option `flock`). Where locks hold on one
  machine alone, run each study from one machine. A folder may be listed late: what looks
  missing is there later, or is trained again.
* **In an object store** (`s3://`, `gs://`) an upload replaces the object when it is
  complete: no rename is needed. Relied on: an object that was written or deleted
  is read and listed so from then on, as Amazon S3 and Google Cloud Storage promise.
  Nothing is locked: of two processes that write the same file, the later one stays: run
  one driver a study. `--fresh` moves a study object by object: stopped in between, it
  leaves some twice and loses none.
* **On the Hugging Face hub** (`hf://datasets/NAME/REPOSITORY`, with `pip install
  'pckd[hf]'`) the same, but each file is a commit, and the hub limits how many an hour:
  it suits data and finished studies, not a study that runs. Never tried with the hub.
* **A store that lists late** can hide rows, not damage them: a trial that is not listed
  yet is trained again; after `pckd results compact` rows may be missing, or reading
  be refused with a sentence, until the merged file is listed."""

PICTURES = """\
## Pictures

A study file with the key `pictures` keeps what the paper's Figures 1, 7 and 8 are drawn
from: `ROOT/STUDY/pictures/TRIAL.npz`, one file per student. Read it with
`numpy.load(file, allow_pickle=False)`. M classes, d and d' features, N test images,
K training images, E examples, H and W pixels.

| array | type | meaning |
| --- | --- | --- |"""


def results_page() -> str:
    """The whole page."""
    tables = [_table(name) for name in SCHEMAS]
    lines = [LINES, *(_ways(what, *ways) for what, ways in IN_ONE_LINE.items())]
    arrays = (f"| `{name}` | {kind} | {about} |" for name, (kind, about) in ARRAYS.items())
    pictures = "\n".join([PICTURES, *arrays])
    return "\n\n".join([START, *tables, *lines, PLACES, pictures]) + "\n"


def _table(name: str) -> str:
    rows = (
        f"| `{entry.name}` | {entry.type} | {entry.metadata[b'about'].decode()} |"
        for entry in SCHEMAS[name]
    )
    start = f"## {name}\n\n{ABOUT[name]}\n\n| column | type | meaning |\n| --- | --- | --- |"
    return "\n".join([start, *rows])


def _ways(what: str, pandas: str, duckdb: str) -> str:
    return f"{what}:\n\n```python\n{pandas}\n```\n\n```sql\n{duckdb}\n```"


if __name__ == "__main__":
    print(results_page(), end="")
