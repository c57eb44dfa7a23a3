"""A group of commands, each of which takes -q and -v."""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from pckd.errors import InputError
from pckd.loudness import set_loudness

Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Print results and errors, and no progress.")
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Print what libraries say, too, and tracebacks.")
]


class Command(TyperCommand):
    """A command whose arguments and options, where they are given, hold something."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Read the command line.

        Raises:
            InputError: A value is empty, as that of a shell's variable that was never set is; read
                as a path it would be the present folder.
        """
        if context.resilient_parsing:  # a shell completes the line, which may be anything
            return super().parse_args(context, args)
        given, _, _ = self.make_parser(context).parse_args(args=list(args))
        for parameter in self.get_params(context):
            values = given.get(parameter.name or "")
            for value in values if isinstance(values, (list, tuple)) else [values]:
                if isinstance(value, str) and not value.strip():
                    raise InputError(
                        f"{_label(parameter)} is empty: see {context.command_path} --help"
                    )
        return super().parse_args(context, args)


def _label(parameter: Any) -> str:  # noqa: ANN401
    """The name of an argument or option in the help text."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name.upper()).removesuffix("...")


class App(typer.Typer):
    """A group of commands."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__(no_args_is_help=True, rich_markup_mode=None, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Add a function as a command; see `typer.Typer.command`."""
        add = super().command(name, cls=Command, **options)

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
