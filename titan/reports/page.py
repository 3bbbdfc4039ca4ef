"""From an executed notebook to one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from traitlets.config import Config

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  color: #23272e; background: #fff; max-width: 1060px; margin: 1.6em auto 4em; padding: 0 1.5em; }
h1 { font-size: 1.5em; margin: 0 0 .1em; } h2 { font-size: 1.15em; margin: 2em 0 .4em;
  border-top: 1px solid #e3e6ea; padding-top: 1em; }
blockquote { margin: 0 0 .6em; color: #5b626d; } blockquote p { margin: 0; }
p { margin: .4em 0; max-width: 62em; }
img { max-width: 100%; height: auto; display: block; }
table { border-collapse: collapse; font-size: .86em; margin: .5em 0 1em; font-variant-numeric: tabular-nums; }
th, td { padding: .22em 1.1em .22em 0; border: none; vertical-align: top; }
th { font-weight: 600; color: #4a4f57; }
table.dataframe tbody tr { border-top: 1px solid #eceef1; }
.output_html { overflow-x: auto; }
pre { font: .85em/1.45 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: .3em 0; }
.output_error pre { color: #8f2f22; background: #fbf1ef; padding: .7em; }
code { font-size: .9em; }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for this page: nothing but what stands in it."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def write_page(notebook: Path, target: Path, title: str) -> None:
    """Write an executed notebook as a page without its code.

    Parameters
    ----------
    notebook : Path
        The executed notebook.
    target : Path
        The HTML file; it is replaced whole.
    title : str
        The page's title.
    """
    config = Config()
    config.TemplateExporter.exclude_input = True
    config.TemplateExporter.exclude_input_prompt = True
    config.TemplateExporter.exclude_output_prompt = True
    config.HTMLExporter.exclude_anchor_links = True
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {"papermill-error-cell-tag"}
    config.HTMLExporter.preprocessors = ["nbconvert.preprocessors.TagRemovePreprocessor"]
    exporter: Any = HTMLExporter(config=config, template_name="basic")  # type: ignore[no-untyped-call]
    executed = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(executed)
    page = PAGE.format(policy=POLICY, title=escape(title), style=STYLE, body=body)
    unfinished = target.with_name(target.name + ".part")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(target)
