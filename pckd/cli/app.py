"""A group of commands, each of which takes -q and -v."""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any

import typer

from pckd.loudness import set_loudness

Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Print results and errors, and no progress.")
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Print what libraries say, too, and tracebacks.")
]


class App(typer.Typer):
    """A group of commands."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__(no_args_is_help=True, rich_markup_mode=None, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Add a function as a command; see `typer.Typer.command`."""
        add = super().command(name, **options)

        def added(function: Callable[..., None]) -> Callable[..., None]:
            add(with_loudness(function))
            return function

        return added


def with_loudness(function: Callable[..., None]) -> Callable[..., None]:
    """The same command with the options -q and -v behind its own."""

    @wraps(function)
    def command(*, quiet: bool, verbose: bool, **given: Any) -> None:  # noqa: ANN401
        set_loudness(quiet=quiet, verbose=verbose)
        function(**given)

    own = inspect.signature(function, eval_str=True)
    kinds = {"quiet": Quiet, "verbose": Verbose}
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in kinds.items()
    ]
    command.__signature__ = own.replace(parameters=[*own.parameters.values(), *added])  # type: ignore[attr-defined]
    command.__annotations__ = {**function.__annotations__, **kinds}
    return command
