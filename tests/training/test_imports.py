"""Files that count because another imports them."""

from pathlib import Path

import pckd
from pckd.training.code import closure

PACKAGE = {
    "__init__.py": "ANSWER = 1\n",
    "losses.py": "from . import shared\nfrom my_package.maths.norms import norm\nimport torch\n",
    "shared.py": "if TYPE_CHECKING:\n    from . import other\nelse:\n    from .maths import root\n",
    "maths/__init__.py": "from .roots import root\n",
    "maths/roots.py": "def root(): ...\n",
    "maths/norms.py": "from pckd.method.relations import squared_distances\n",
    "other.py": "ANSWER = 2\n",
}


def test_a_package_s_term_counts_the_files_of_the_package_that_it_imports(tmp_path: Path) -> None:
    folder = tmp_path / "my_package"
    for name, content in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    used = closure(folder / "losses.py")
    own = {file.relative_to(folder).as_posix() for file in used if file.is_relative_to(folder)}
    assert own == {"losses.py", "shared.py", "maths/roots.py", "maths/norms.py"}
    assert Path(pckd.__file__).parent / "method" / "relations.py" in used
