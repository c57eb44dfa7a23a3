"""Plug-ins: Python files of a user's own, whose terms, networks and data sets a study may name.

A file makes them known when it is imported, by `register_term`, `register_network` and
`register_data`. Its text is read once, and travels with each trial to the processes that train it.
Each of them imports a copy from the cache, in a folder that is named by the content: so what runs
is what was read, whatever happens to the file meanwhile.
"""

import hashlib
import sys
import traceback
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

from pckd.errors import InputError
from pckd.files.writing import write_atomically
from pckd.machine import cache_folder


class Plugin(NamedTuple):
    """A plug-in as it travels to other processes."""

    file: str
    """Its name, such as my_losses.py."""
    source: str
    """The whole text of the file."""

    @property
    def module(self) -> str:
        """The name of the module that is made of it."""
        return f"pckd_plugin_{Path(self.file).stem}"


_loaded: dict[str, Plugin] = {}


def load_files(files: Iterable[Path]) -> None:
    """Import plug-ins.

    Raises:
        InputError: A file cannot be read or imported, or two have the same name.
    """
    paths = {path.name: path for path in files}
    for path in files:
        if paths[path.name] != path:
            raise InputError(f"plug-ins {paths[path.name]} and {path} have the same name")
        _load(Plugin(path.name, _read(path)), str(path))


def load_plugins(plugins: Iterable[Plugin]) -> None:
    """Import plug-ins that another process sent.

    Raises:
        InputError: One cannot be imported here.
    """
    for plugin in plugins:
        _load(plugin, plugin.file)


def loaded_plugins() -> list[Plugin]:
    """Return the plug-ins of this process, for others."""
    return list(_loaded.values())


def _read(path: Path) -> str:
    if path.suffix != ".py":
        raise InputError(f"plug-in {path}: the name of a Python file ends in .py")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"plug-in {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"plug-in {path} cannot be read: {error}") from None


def _load(plugin: Plugin, path: str) -> None:
    """Import a plug-in, unless it is there with the same text."""
    if _loaded.get(plugin.file) == plugin:
        return
    copy = _copied(plugin)
    spec = spec_from_file_location(plugin.module, copy)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[plugin.module] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[plugin.module]
        where = f"plug-in {path}{_line(error, str(copy))}"
        raise InputError(f"{where} cannot be imported: {_reason(error)}") from error
    _loaded[plugin.file] = plugin


def _copied(plugin: Plugin) -> Path:
    content = plugin.source.encode()
    copy = cache_folder() / "plugins" / hashlib.sha256(content).hexdigest()[:16] / plugin.file
    try:
        if not copy.is_file() or copy.read_bytes() != content:
            write_atomically(copy, lambda stream: stream.write(content))
    except OSError as error:
        raise InputError(
            f"plug-in {plugin.file} cannot be copied ({error}): set PCKD_CACHE to a folder that "
            "can be written"
        ) from None
    return copy


def _line(error: BaseException, path: str) -> str:
    """' (line 3)' of a file, where an error came up in it."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f" (line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return f" (line {lines[-1]})" if lines else ""


def _reason(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if isinstance(error, InputError) else f"{type(error).__name__}: {first}"
