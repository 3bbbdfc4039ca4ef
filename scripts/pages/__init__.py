"""The documentation site: `python -m scripts.pages` writes its sources, Sphinx builds them, `scripts.pages.check` reads the result.

Everything is written below docs/_build, nothing in nbs/. No module here needs Sphinx: docs/conf.py alone does.
"""
