"""Tab completion as a researcher has it in a notebook: IPython's completer, with jedi and without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPLETE = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
import titan
shell = InteractiveShell.instance(user_ns={"titan": titan})
shell.Completer.use_jedi = sys.argv[1] == "jedi"
found = {}
with provisionalcompleter():
    for text in ("titan.", "titan.strategy.", "titan.str", "titan.strategy.avellaneda_stoikov.optimal_"):
        found[text] = [choice.text for choice in shell.Completer.completions(text, len(text))]
print(json.dumps(found))
"""


def names(choices: list[str]) -> set[str]:
    """Return the completed names; without jedi IPython repeats what stands before the last dot."""
    return {choice.rpartition(".")[2] for choice in choices}


@pytest.mark.parametrize("engine", ["jedi", "plain"])
def test_rooms_modules_and_functions_are_completed(engine: str, tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE, engine],
        cwd=repository,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    rooms = {path.parent.name for path in (repository / "titan").glob("*/__init__.py")}
    modules = {path.stem for path in (repository / "titan" / "strategy").glob("[a-z]*.py")}
    assert rooms <= names(found["titan."])
    assert modules <= names(found["titan.strategy."])
    assert "lazy_package" not in {
        name.lstrip("_") for text in ("titan.", "titan.strategy.") for name in names(found[text])
    }
    assert names(found["titan.str"]) == {"strategy"}
    assert names(found["titan.strategy.avellaneda_stoikov.optimal_"]) == {"optimal_spread"}
