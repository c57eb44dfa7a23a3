"""The application: all commands, and errors as one sentence."""

import errno
import io
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pckd.cli import (
    cluster,
    data,
    export,
    methods,
    models,
    probe,
    report,
    results,
    run,
    study,
    teacher,
    terms,
    verify,
)
from pckd.cli.app import App
from pckd.errors import InputError, RunError
from pckd.loudness import is_verbose
from pckd.version import __version__

WRONG_PLACE = {
    *(errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
}
"""Errors of a path that was given wrong: the same command would fail again. All others, such as a
full disk, may be over by then."""


OF_MEMORY = ("out of memory", "allocate memory", "Storage size calculation overflowed")
"""Words by which PyTorch says that memory runs out."""


class Commands(TyperGroup):
    """The commands, groups first; Ctrl-C ends them with a sentence."""

    def list_commands(self, context: Any) -> list[str]:  # noqa: ANN401
        """List the names in the order of the help text."""
        return sorted(self.commands, key=lambda name: not hasattr(self.commands[name], "commands"))

    def invoke(self, context: Any) -> Any:  # noqa: ANN401
        """Run the command that was asked for."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise RunError("interrupted; run the same command again to go on") from None


app = App(cls=Commands, pretty_exceptions_enable=False)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"pckd {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    plugins: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugin",
            metavar="FILE",
            help="Python file with terms, networks or data sets of your own.",
        ),
    ] = None,
) -> None:
    """Studies of PCKD: which loss weights, and do they matter."""
    if plugins:
        from pckd.plugins import load_files

        load_files(plugins)


app.add_typer(study.app, name="study", help="Run and follow studies of many trials.")
app.add_typer(teacher.app, name="teacher", help="Train and list teachers.")
app.add_typer(data.app, name="data", help="Look at data sets.")
app.add_typer(results.app, name="results", help="Look at the tables of results.")
app.add_typer(cluster.app, name="cluster", help="Studies as jobs of a Ray cluster.")
app.command()(run.distill)
app.command()(run.evaluate)
app.command()(export.export)
app.command()(probe.probe)
app.command()(report.report)
app.command()(verify.verify)
app.command()(models.models)
app.command()(terms.terms)
app.command()(methods.methods)


def main() -> None:
    """Run the command line; exit with 0 done, 1 something failed, 2 bad input."""
    _open_closed_streams()
    _write_what_the_terminal_lacks()
    _find_a_home()
    try:
        _check_folder()
        app(prog_name="pckd")
    except InputError as error:
        _end(str(error), 2)
    except RunError as error:
        _end(str(error), 1)
    except MemoryError as error:
        _end(_no_memory(error), 1)
    except RuntimeError as error:
        if any(sign in str(error) for sign in OF_MEMORY):
            _end(_no_memory(error), 1)
        if "home directory" not in str(error):
            raise
        _end("there is no home folder: set HOME, or PCKD_CACHE to a folder for cached images", 2)
    except OSError as error:
        if error.errno in WRONG_PLACE:
            _end(_place(error), 2)
        _end(f"{_place(error)}; run the same command again to go on", 1)
    finally:
        _write_out()


def _write_out() -> None:
    """Flush the output; its reader may be gone, as head is after its lines."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write_what_the_terminal_lacks() -> None:
    """Show letters that the terminal's encoding lacks as escapes; they would end the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _open_closed_streams() -> None:
    """Discard the output of a closed stream: else the next open file takes its number."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            unseen = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
            setattr(sys, name, unseen)


def _check_folder() -> None:
    """Refuse to work in a folder that was deleted, which ends libraries in ways of their own.

    Raises:
        InputError: It is gone.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise InputError("the current folder was deleted: change to one that exists") from None


def _find_a_home() -> None:
    """Give libraries a home folder where the user has none and pckd itself needs none."""
    try:
        Path.home()
    except RuntimeError:
        if "PCKD_CACHE" in os.environ:
            os.environ["HOME"] = tempfile.gettempdir()


def _no_memory(error: Exception) -> str:
    reason = (str(error).splitlines() or ["memory runs out"])[0]
    return f"{reason}: take smaller images, batches or networks, or a machine with more memory"


def _place(error: OSError) -> str:
    """The file or folder that an error is about, and the reason; its text where it names none."""
    if error.strerror is None:
        return str(error)
    reason = error.strerror.lower() if error.filename else error.strerror
    if error.errno == errno.EFBIG:
        reason += ", beyond what ulimit -f or the file system allows"
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason


def _end(message: str, code: int) -> None:
    if is_verbose():
        traceback.print_exc()
    print(f"pckd: {message}", file=sys.stderr)
    sys.exit(code)
