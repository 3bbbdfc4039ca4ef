"""What the check of the built site refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pages.check import faults, main, private_words, style_loads


def site(folder: Path, body: str, style: str = "") -> Path:
    (folder / "index.html").write_text(f"<html><body id='top'>{body}</body></html>", encoding="utf-8")
    (folder / "other.html").write_text("<a name='here'></a>", encoding="utf-8")
    (folder / "a.css").write_text(style, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://example.org">out</a>',
        '<a href="other.html#here"></a><a href="#top"></a><a href="mailto:a@b"></a>',
        '<img src="data:image/png;base64,AA"><link rel="stylesheet" href="a.css?v=1"><p style="width: 1em"></p>',
    ],
)
def test_a_site_of_its_own_has_no_fault(tmp_path: Path, body: str) -> None:
    assert faults(site(tmp_path, body), ["/home/me/"]) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "index.html loads https://cdn.example/x.js"),
        ('<link href="//fonts.example/a.css">', "index.html loads //fonts.example/a.css"),
        ("<p style=\"background: url('http://a/b.png')\">", "index.html loads http://a/b.png"),
        ('<a href="gone.html">', "index.html leads to gone.html, which is not there"),
        ('<img src="gone.png">', "index.html leads to gone.png, which is not there"),
        (
            '<a href="other.html#gone">',
            "index.html leads to other.html#gone, and that page has no such place",
        ),
        ("<p>/home/me/secret</p>", "index.html names /home/me/"),
    ],
)
def test_each_fault_is_one_line(tmp_path: Path, body: str, fault: str) -> None:
    assert faults(site(tmp_path, body), ["/home/me/"]) == [fault]


def test_a_style_sheet_may_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    style = '@import "https://a/b.css"; p { src: url(x.woff) }'
    assert style_loads(style) == ["https://a/b.css", "x.woff"]
    assert faults(site(tmp_path, "", style), []) == ["a.css loads https://a/b.css"]


def test_the_command_tells_and_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(site(tmp_path, "<p>fine</p>"))]) == 0
    assert main([str(site(tmp_path, '<img src="gone.png">'))]) == 1
    assert capsys.readouterr().err == "docs: index.html leads to gone.png, which is not there\n"


def test_the_registry_in_use_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:word@registry.example/simple")
    assert "registry.example" in private_words()
    assert "/" not in private_words()
