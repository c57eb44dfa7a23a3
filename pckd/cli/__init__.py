"""The commands: `pckd --help`. Each is one thin function; the work is done elsewhere."""

from pckd.cli.main import main

__all__ = ["main"]
