"""The pictures of the studies: there, small, shown, and taken as Chromium shows a page."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from scripts import screenshots
from scripts.pages.guides import pictures
from scripts.screenshots import LARGEST_BYTES, SHOTS, ScreenshotError, Shot
from titan.reports.run import Artefacts
from titan.reports.studies import list_studies

PAGE = "<body style='margin:0;background:#204060'><div style='height:50px;background:#fff'></div></body>"


def test_every_picture_is_there_small_and_shown(repository: Path) -> None:
    assert set(SHOTS) <= set(list_studies())
    page = (repository / "docs" / "studies.md").read_text(encoding="utf-8")
    found = pictures(repository / "docs")
    assert set(found) == {f"_static/{Shot.file(name)}" for name in SHOTS}
    for name, shot in SHOTS.items():
        content = found[f"_static/{Shot.file(name)}"]
        assert len(content) <= LARGEST_BYTES
        assert Image.open(io.BytesIO(content)).size == (screenshots.WIDTH, shot.height)
        assert f"](_static/{Shot.file(name)})" in page


@pytest.mark.browser
def test_a_picture_is_the_page_as_the_browser_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not any(map(shutil.which, screenshots.BROWSERS)):
        pytest.skip("Chromium is not installed")

    def make(folder: Path) -> Artefacts:
        (folder / "page.html").write_text(PAGE, encoding="utf-8")
        return Artefacts(folder / "page.ipynb", folder / "page.html", "")

    monkeypatch.setattr(screenshots, "SHOTS", {"page": Shot("A page.", make, 200)})
    assert screenshots.main(["--out", str(tmp_path / "pictures")]) == 0
    picture = Image.open(tmp_path / "pictures" / "study_page.png")
    assert picture.size == (screenshots.WIDTH, 200)
    shown = picture.convert("RGB")
    assert (shown.getpixel((500, 20)), shown.getpixel((500, 150))) == ((255, 255, 255), (32, 64, 96))
    assert capsys.readouterr().out.startswith("study_page.png: ")


def test_without_a_browser_the_picture_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screenshots, "BROWSERS", ("no-such-browser",))
    made = Artefacts(tmp_path / "page.ipynb", tmp_path / "page.html", "")
    monkeypatch.setattr(screenshots, "SHOTS", {"page": Shot("A page.", lambda folder: made, 200)})
    assert screenshots.main(["--out", str(tmp_path)]) == 1
    assert "none of no-such-browser is installed; install Chromium" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.png"))


def test_a_picture_that_is_too_large_is_refused() -> None:
    noise = Image.effect_noise((900, 900), 200)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    with pytest.raises(ScreenshotError, match=r"noise: [\d,]+ bytes, above 200,000; show less of it"):
        screenshots.small(buffer.getvalue(), "noise")
