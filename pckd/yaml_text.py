"""YAML 1.2 as people write it: `no` is text, `1e-3` a number, and each key stands once.

PyYAML reads YAML 1.1, where `no` is false, `1:30` is 90, `010` is 8 and `1e-3` is text. Its parser
is kept; what plain words mean is told it here, by the core schema of YAML 1.2 (yaml.org/spec/1.2.2,
10.3). Three rules come on top: a number with a leading zero is text, since readers disagree on it;
keys are names, so text as written; `<<` merges, as in YAML 1.1, because many files use it.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from pckd.words import UNWRITABLE, unseen

TAG = "tag:yaml.org,2002:"

PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": (r"<<", ["<"]),
}
"""Plain words that are no text: the pattern of each kind, and the characters it begins with."""

LARGEST = 200_000
"""Values that a text may hold once its aliases are written out; a few lines can mean billions."""

FLOW_WIDTH = 60
"""Characters after which a line ends before its next entry."""

DIGITS = 40
"""Characters of a whole number; no table holds one of half that length."""


def parse_yaml(text: str) -> Any:  # noqa: ANN401
    """The value that a YAML text holds.

    Raises:
        ValueError: It is not YAML, names a key twice, nests too deeply, or holds too much; the
            message says where.
    """
    try:
        return yaml.load(text, _Reader)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" (line {place.line + 1})" if place is not None else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        if r"'\t'" in reason:
            reason = "a tab, where only spaces indent"
        raise ValueError(f"is not YAML{line}: {reason}") from None


def to_yaml(values: Mapping[str, Any], *, flow: bool = False) -> str:
    """A mapping as YAML text, in the order of its keys; `parse_yaml` reads it back.

    Args:
        values: Of plain values.
        flow: Whether the innermost mappings and lists stand on one line, or two where it is long.
    """
    style, width = (None, FLOW_WIDTH) if flow else (False, None)
    text: str = yaml.dump(
        values, Dumper=_Writer, sort_keys=False, default_flow_style=style, width=width
    )
    return text


class _Reader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012, of the library

    def get_single_node(self) -> yaml.Node | None:
        """Compose a document, after a check of how much its aliases add up to."""
        node = super().get_single_node()
        if node is not None and _count(node, {}) > LARGEST:
            problem = f"it holds more than {LARGEST:,} values, aliases written out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401
        """Compose a mapping, after a check of its keys, before merging adds to them."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is a name", problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"{key.value} is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
            if key.tag != f"{TAG}merge":
                key.tag = f"{TAG}str"
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:  # noqa: ANN401
        """Compose a scalar, after a check of what its escapes and its signs stand for."""
        node = super().compose_scalar_node(anchor)
        if UNWRITABLE.search(node.value):
            problem = "a sign that no file can hold: an escape that is null or half a character"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        if node.style is None and (sign := unseen(node.value)):
            problem = (
                f"U+{ord(sign):04X}, which looks like a space or like nothing: write a space or "
                "nothing there, or quotation marks around the text"
            )
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number: decimal, 0o17 or 0xff."""
        text = self.construct_scalar(node)
        if len(text) > DIGITS:
            problem = f"a whole number of {len(text)} characters: at most {DIGITS} are read"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return int(text, 0)


def _count(node: yaml.Node, counts: dict[yaml.Node, int]) -> int:
    """Number of values below a node, itself included, where an alias counts as what it repeats.

    Args:
        node: Of a document.
        counts: Numbers of the nodes that were counted already; 0 for those being counted.

    Raises:
        yaml.MarkedYAMLError: The node holds itself.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if node not in counts:
        counts[node] = 0
        is_mapping = isinstance(node, yaml.MappingNode)
        inner = [each for pair in node.value for each in pair] if is_mapping else node.value
        counts[node] = 1 + sum(_count(each, counts) for each in inner)
    if not counts[node]:
        raise yaml.MarkedYAMLError(problem="an alias repeats itself", problem_mark=node.start_mark)
    return counts[node]


class _Writer(yaml.SafeDumper):
    """PyYAML's writer, which quotes text that a reader of either version takes for a number."""


for _kind, (_pattern, _starts) in PLAIN.items():
    _Reader.add_implicit_resolver(f"{TAG}{_kind}", re.compile(f"(?:{_pattern})$"), _starts)
    _Writer.add_implicit_resolver(f"{TAG}{_kind}", re.compile(f"(?:{_pattern})$"), _starts)
_Reader.add_constructor(f"{TAG}int", _Reader.construct_yaml_int)
