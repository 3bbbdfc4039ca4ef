"""Write docs/settings.md from the settings' own descriptions, or check it with ``--check``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scripts.generated_page import page_command
from titan import _settings_chain as chain
from titan import _settings_sections as sections
from titan._settings_errors import allowed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
SECTIONS: dict[str, type[BaseModel]] = {
    "project": sections.Project,
    "live": sections.Live,
    "venue.NAME": sections.Venue,
    "paper": sections.Paper,
    "strategy.NAME": sections.Strategy,
    "risk": sections.Risk,
    "quoting": sections.Quoting,
    "signals": sections.Signals,
    "store": sections.Store,
    "reports": sections.Reports,
    "promotion": chain.Promotion,
    "schedule": chain.Schedule,
}
INTRODUCTION = """# Settings

`settings.ini` is the one configuration file of a desk. A `settings.local.ini` beside it goes over it, and the
environment over both: `TITAN_LIVE__MODE` is `mode` in `[live]`, and `TITAN_VENUE__BINANCE__REST_URL` is
`rest_url` in `[venue.binance]`.
An unknown key or a value out of range is an error that names the key, the value and what is allowed.
Secrets never stand in a file. `make export` writes this page.
"""


def default_of(field: FieldInfo) -> str:
    """Return a field's default as it would stand in the file."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ", ".join(f"{each:g}" if isinstance(each, float) else each for each in value)
    return f"`{value}`" if value not in ("", None, {}) else ""


def _as_code(text: str) -> str:
    """A pattern, which is no sentence, as code."""
    return re.sub(r"(text that matches) (\S+)$", r"\1 `\2`", text)


def table(name: str, section: type[BaseModel]) -> str:
    """Return one section as a heading, its meaning and a table of its keys."""
    rows = [
        f"| `{key}` | {default_of(field)} | {_as_code(allowed(field))} | {field.description} |".replace(
            "  ", " "
        )
        for key, field in section.model_fields.items()
    ]
    head = ["| key | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"## [{name}]", "", (section.__doc__ or "").strip(), "", *head, *rows, ""])


def page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *(table(name, section) for name, section in SECTIONS.items())])


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page, and return the exit code."""
    return page_command(__doc__, page, PAGE, arguments)


if __name__ == "__main__":
    sys.exit(main())
