"""Sphinx's settings. `make docs` writes the sources to docs/_build/source first; see scripts/pages."""

from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any

from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.pages import docstrings  # noqa: E402
from titan import __version__  # noqa: E402

project = "Titan"
author = copyright = "Titan maintainers"
version = release = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
]
default_role = "py:obj"
nitpicky = False

# The notebooks come with their outputs: scripts/pages/execution.py says why Sphinx does not run them.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Imports"
nb_code_prompt_hide = "Imports"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 80
add_module_names = False
viewcode_follow_imported_members = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Titan"
html_css_files = ["titan.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c7a", "color-brand-content": "#0b5c7a"},
    "dark_css_variables": {"color-brand-primary": "#6fc3df", "color-brand-content": "#6fc3df"},
}

# One file, without fonts and without anything that it would load later.
MATHJAX = "tex-svg-full.js"
MATHJAX_SHA256 = "a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6"


def mathjax_folder() -> Path:
    """Return a folder that holds MathJax alone, checked against the digest of the published file."""
    listed = files("sphinx-mathjax-offline") or []
    source = next(Path(str(path.locate())) for path in listed if path.name == MATHJAX)
    if hashlib.sha256(source.read_bytes()).hexdigest() != MATHJAX_SHA256:
        raise ValueError(f"{MATHJAX}: is not the published MathJax 3.2.2; run 'make clean' and 'make docs'")
    folder = ROOT / "docs" / "_build" / "work" / "mathjax"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / MATHJAX)
    return folder


mathjax_path = MATHJAX
mathjax3_config = {"options": {"enableMenu": False}}
html_static_path = [str(ROOT / "docs" / "_static"), str(mathjax_folder())]


def on_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let formulas and plain marks of a docstring reach the page as they are meant."""
    lines[:] = docstrings.undivided(what, [docstrings.as_roles(line) for line in lines])


def on_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, given: str | None, result: str | None
) -> tuple[str, str] | None:
    """Show a signature as its author wrote it, with names of types and not with what they stand for."""
    return docstrings.signature(obj) if what in ("function", "method", "class") else None


def on_member(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of a NamedTuple that have no docstring of their own: the signature has them."""
    return True if docstrings.is_alias(getattr(obj, "__doc__", None)) else None


class OwnNames(SphinxPostTransform):
    """Let a name in a docstring or signature lead only to what it means in its own module, never to a namesake."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Qualify each such name, before Sphinx looks for it everywhere."""
        for node in self.document.findall(pending_xref):
            # Sphinx looks everywhere if the attribute is there, be it false.
            if node.get("refdomain") == "py" and node.hasattr("refspecific"):
                node["reftarget"] = docstrings.qualified(node.get("py:module"), node["reftarget"])
                del node["refspecific"]


def setup(app: Any) -> None:
    """Connect what autodoc asks for; marks are escaped before Napoleon adds its own."""
    # Sphinx reads every page anew where this has changed: it knows of no function's source.
    reading = Path(docstrings.__file__).read_bytes() + Path(__file__).read_bytes()
    app.add_config_value("reading", hashlib.sha256(reading).hexdigest(), "env", str)
    app.connect("autodoc-process-docstring", on_docstring, priority=100)
    app.connect("autodoc-process-signature", on_signature)
    app.connect("autodoc-skip-member", on_member)
    app.add_post_transform(OwnNames)
