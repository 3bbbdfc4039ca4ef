"""The documentation site: its sources are written here, Sphinx builds them, `check` reads the result.

Everything is written below docs/_build, nothing in nbs/. No module here needs Sphinx: docs/conf.py alone does.
"""
