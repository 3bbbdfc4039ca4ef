"""The generated pages, each on a small input."""

from __future__ import annotations

import base64
import math
import re
from pathlib import Path

import pytest

from scripts.pages import api, controls, gallery, guides, oracle_table
from scripts.pages.__main__ import write_changed
from scripts.pages.chapters import Chapter, ChapterError, Part
from titan._oracles import Oracle
from titan.risk.denials import EXPLANATIONS, Denial
from titan.risk.shutdown import Level, Parameters

CHAPTER = Chapter("risk/tail", "titan.risk.tail", "Tail", "How much is lost.")
MET = Oracle("a|b $x$", 0.5, 0.5000000001, 1e-6, "exact")


def glossary(repository: Path) -> list[str]:
    """Return the terms in the order in which they stand."""
    text = (repository / "docs" / "glossary.md").read_text(encoding="utf-8")
    block = text.partition("```{glossary}\n")[2].rpartition("```")[0]
    return [line for line in block.splitlines() if line and not line.startswith(" ")]


def test_glossary_terms_are_unique_sorted_and_many(repository: Path) -> None:
    terms = glossary(repository)
    assert len(terms) >= 40
    assert terms == sorted(set(terms), key=str.casefold)


def test_every_glossary_term_is_explained(repository: Path) -> None:
    text = (repository / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert [term for term in glossary(repository) if f"\n{term}\n  " not in text] == []


def test_an_oracle_is_a_row_that_breaks_no_table() -> None:
    assert oracle_table.line(MET) == r"| a\|b \$x\$ | 0.5 | 0.5000000001 | 1e-06 | exact | yes |"
    assert oracle_table.number(None) == "–"


def test_the_oracle_page_counts_and_groups() -> None:
    other = CHAPTER._replace(name="risk/other")
    page = oracle_table.oracle_page([CHAPTER, other], {"risk/tail": [MET], "risk/other": []}, data=False)
    assert "**1 oracles in 1 chapters, all met**, computed without recorded market data" in page
    assert page.count("\n## ") == 1


@pytest.mark.parametrize("got", [0.6, math.nan])
def test_an_oracle_that_falls_short_ends_the_build(got: float) -> None:
    with pytest.raises(ChapterError, match=r"risk/tail: a\|b .*expected 0.5 \+- 1e-06 \(exact\), got"):
        oracle_table.oracle_page([CHAPTER], {"risk/tail": [MET._replace(got=got)]}, data=True)


def test_every_denial_and_every_control_stands_on_the_page() -> None:
    page = controls.controls_page()
    assert [denial for denial in Denial if f"| `{denial}` |" not in page] == []
    mapped = {control for _, _, maps_to in EXPLANATIONS.values() for control in maps_to}
    assert set(controls.by_control(EXPLANATIONS)) == mapped
    assert [control for control in mapped if f"| {control} | " not in page] == []


def test_a_control_names_each_code_that_maps_to_it() -> None:
    few = {denial: EXPLANATIONS[denial] for denial in (Denial.BAD_SIZE, Denial.OVER_MAX_SIZE)}
    assert "| FIA 2024 size limit on new and amend | `bad_size`, `over_max_size` |" in controls.control_table(
        few
    )


def test_the_levels_of_the_shutdown_say_what_passes() -> None:
    rows = controls.shutdown_table(Parameters(())).splitlines()[2:]
    assert len(rows) == len(Level)
    assert rows[0] == "| `NORMAL` | 1 | 1 | all |"
    assert rows[-1] == "| `STOP` | 0 | 4 | those that reduce the position, and cancels |"


def test_the_last_prose_before_a_figure_is_its_caption() -> None:
    words = "## The picture\n\nNot this.\n\nOne\nline.\n\n$$x$$\n\n| a |\n\n- item"
    assert gallery.caption_of(words) == "One line."
    assert gallery.caption_of("## The picture") == ""


def test_a_figure_in_lines_is_preferred_unless_it_is_large() -> None:
    dots = base64.b64encode(b"dots").decode()
    both = {"image/svg+xml": ["<svg", "/>"], "image/png": dots, "text/plain": "figure"}
    large = {**both, "image/svg+xml": "x" * (gallery.LARGEST_SVG + 1)}
    assert gallery.picture(both) == (".svg", b"<svg/>")
    assert gallery.picture(large) == (".png", b"dots")
    assert gallery.picture({"image/svg+xml": large["image/svg+xml"]}) is not None
    assert set(gallery.only_picture(large)) == {"image/png", "text/plain"}
    assert gallery.only_picture({"text/plain": "1"}) == {"text/plain": "1"}


def test_the_gallery_shows_each_figure_once_with_its_way_back() -> None:
    prose = {"cell_type": "markdown", "source": "A line."}
    drawn = {
        "cell_type": "code",
        "source": "",
        "outputs": [{"data": {"image/svg+xml": "<svg/>"}}, {"text": "1"}],
    }
    notebook = {"cells": [prose, drawn, drawn]}
    figures = gallery.figures_of(CHAPTER, gallery.lean(notebook))
    assert [figure.file for figure in figures] == ["risk-tail-1.svg", "risk-tail-2.svg"]
    page = gallery.gallery_page(figures)
    assert page.count(":::{image} /figures/risk-tail-") == 2
    assert page.count("{container} card") == 2
    assert "**{doc}`Tail </chapters/risk/tail>`**\n\nA line." in page


def test_every_public_module_has_a_page_in_its_room(repository: Path) -> None:
    pages = api.api_pages(repository, [CHAPTER])
    files = [path for path in (repository / "titan").rglob("[a-z]*.py") if "__" not in path.name]
    expected = {
        f"api/{path.relative_to(repository / 'titan').with_suffix('.rst')}"
        for path in files
        if path.parent.name != "titan"
    }
    assert expected <= set(pages)
    assert "Exported from the chapter :doc:`Tail </chapters/risk/tail>`" in pages["api/risk/tail.rst"]
    assert "Exported from" not in pages["api/engine/book.rst"]
    assert ".. automodule:: titan.settings" in pages["api/titan/settings.rst"]


def test_every_room_is_listed_from_the_ground_up(repository: Path) -> None:
    standing = api.rooms(repository)
    assert set(standing) == {path.parent.name for path in (repository / "titan").glob("*/__init__.py")}
    assert set(standing) <= set(api.ROOMS), "enter the new room in ROOMS, where imports put it"


def test_a_room_that_is_not_known_yet_comes_last(tmp_path: Path) -> None:
    for room in ("attic", "model"):
        (tmp_path / "titan" / room).mkdir(parents=True)
        (tmp_path / "titan" / room / "__init__.py").touch()
    assert api.rooms(tmp_path) == ["model", "attic"]


def test_the_front_page_links_every_room(repository: Path) -> None:
    front = (repository / "docs" / "index.md").read_text(encoding="utf-8")
    assert [room for room in api.rooms(repository) if f"</api/{room}/index>" not in front] == []


def test_the_start_keeps_commands_as_they_are(repository: Path) -> None:
    page = guides.start_page((repository / "README.md").read_text(encoding="utf-8"))
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    assert [block.splitlines()[0].split("  ")[0] for block in blocks] == [
        'make run ARGS="--duration 30 --json"',
        "titan-live",
        "titan new strategy momentum",
    ]


def test_a_section_that_is_gone_from_the_readme_is_named() -> None:
    with pytest.raises(ChapterError, match="no section \\['What one can do'"):
        guides.start_page("# T\n\n## Start\n\nx\n")


def test_links_lead_to_pages_or_stay_words() -> None:
    text = "[a](docs/settings.md) [b](LICENSE) [c](https://example.org)"
    assert guides.inside(text) == "{doc}`a </settings>` b [c](https://example.org)"


def test_contents_and_side_bar_hold_every_chapter() -> None:
    part = Part("risk", "What stops it?", ("tail",))
    contents = guides.chapters_page([part], [CHAPTER])
    assert "## Risk\n\nWhat stops it?\n\n{doc}`Tail </chapters/risk/tail>`\n: How much is lost.\n" in contents
    assert ":caption: Risk\n\nchapters/risk/tail\n" in guides.front_page("# Titan", [part])


def test_contributing_becomes_a_guide() -> None:
    assert (
        guides.contributing_page("Run\n\n    make test\n\nnow.")
        == "Run\n\n```console\nmake test\n```\n\nnow."
    )


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    write_changed(tmp_path, {"a/b.md": b"1", "c.md": b"2"})
    before = (tmp_path / "c.md").stat().st_mtime_ns
    write_changed(tmp_path, {"c.md": b"2", "d.md": b"3"})
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == ["c.md", "d.md"]
    assert (tmp_path / "c.md").stat().st_mtime_ns == before
