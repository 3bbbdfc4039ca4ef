"""Reading and refusing settings."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

import titan
from scripts import settings_page
from titan import settings
from titan.risk.limits import LimitSettings, unset_limits

REPOSITORY = Path(__file__).resolve().parents[1]
DEFAULT = REPOSITORY / "settings.ini"
SMALL = """
[venue.loopback]
symbols = BTCUSDT, ethusdt
[strategy.maker]
code = own.maker
risk_aversion = 0.1
[strategy.maker.BTCUSDT]
risk_aversion = 0.2
"""


def write(folder: Path, text: str = SMALL, name: str = "settings.ini") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def load(folder: Path, text: str = SMALL, **environment: str) -> settings.Settings:
    return settings.load(write(folder, text), environment)


def refusal(folder: Path, text: str = SMALL, **environment: str) -> str:
    with pytest.raises(settings.SettingsError) as caught:
        load(folder, text, **environment)
    return str(caught.value)


def test_default_settings_trade_avellaneda_stoikov_on_the_loopback() -> None:
    default = settings.load(DEFAULT, {})
    assert (default.live.mode, default.live.venue) == ("loopback", "loopback")
    maker = default.strategy["avellaneda_stoikov"]
    assert (maker.code, maker.venue, maker.symbols) == (
        "titan.strategy.avellaneda_stoikov",
        "loopback",
        ("BTCUSDT",),
    )
    assert default.venue["loopback"].rest_url == ""
    assert default.project.journals == REPOSITORY / "var/sessions"


def test_default_file_states_every_key_at_its_default() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DEFAULT)
    for name, model in settings_page.SECTIONS.items():
        section = next(found for found in parser.sections() if found.split(".")[0] == name.split(".")[0])
        free = {"api_key", "api_secret", "parameters", "symbol_parameters"}
        assert set(parser[section]) >= set(model.model_fields) - free
        assert name.startswith("strategy") or set(parser[section]) <= set(model.model_fields)
    # A limit has no default that is right for a desk: unset means that nothing is sent. And without a section
    # [quoting] nothing is adjusted, while the desk as shipped is careful, in a market that lasts for seconds.
    stated = {"project", "reports", "venue", "strategy", "risk", "quoting", "signals"}
    bare = settings.load(DEFAULT, {}).model_dump(exclude=stated)
    defaults = settings.Settings().model_dump(exclude=stated)
    assert bare == defaults


def test_every_limit_is_set_in_the_default_file() -> None:
    stated = settings.load(DEFAULT, {}).risk.model_dump(include=set(LimitSettings._fields))
    assert unset_limits(LimitSettings(**stated)) == ()


def test_every_key_is_documented() -> None:
    for model in settings_page.SECTIONS.values():
        assert [key for key, field in model.model_fields.items() if not field.description] == []
    assert {name.split(".")[0] for name in settings_page.SECTIONS} == set(settings.Settings.model_fields)
    assert settings_page.main(["--check"]) == 0


def test_settings_page_is_written_and_checked(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "settings.md"
    assert settings_page.main(["--check", "--page", str(page)]) == 1
    assert settings_page.main(["--page", str(page)]) == 0
    assert settings_page.main(["--check", "--page", str(page)]) == 0


def test_titan_settings_is_both_the_module_and_the_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(tmp_path)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert titan.settings().strategy["maker"].code == "own.maker"
    assert titan.settings.load is settings.load


def test_parameters_of_a_symbol_go_over_those_of_the_strategy(tmp_path: Path) -> None:
    maker = load(tmp_path).strategy["maker"]
    assert maker.parameters_for("BTCUSDT") == {"risk_aversion": "0.2"}
    assert maker.parameters_for("ETHUSDT") == {"risk_aversion": "0.1"}


def test_layers_rank_file_local_environment_command_line(tmp_path: Path) -> None:
    file = write(tmp_path, SMALL + "[live]\nmarkout_s = 1\nstale_after_s = 1\nquote_interval_ms = 1\n")
    write(tmp_path, "[live]\nstale_after_s = 2\nquote_interval_ms = 2\n", "settings.local.ini")
    found = settings.load(file, {"TITAN_LIVE__QUOTE_INTERVAL_MS": "3"}, {"live.mode": "paper"})
    assert (found.live.markout_s, found.live.stale_after_s, found.live.quote_interval_ms) == (1, 2, 3)
    assert found.live.mode == "paper"


def test_environment_reaches_a_venue_a_strategy_and_a_symbol(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        TITAN_VENUE__LOOPBACK__API_KEY="open",
        TITAN_VENUE__LOOPBACK__API_SECRET="sesame",
        TITAN_VENUE__BINANCE__SYMBOLS="BTCUSDT",
        TITAN_STRATEGY__MAKER__HORIZON_S="60",
        TITAN_STRATEGY__MAKER__BTCUSDT__RISK_AVERSION="0.5",
        TITAN_DATA="no setting",
        OTHER="no setting",
    )
    secret = found.venue["loopback"].api_secret
    assert secret is not None
    assert secret.get_secret_value() == "sesame"
    assert "sesame" not in repr(found)
    assert "binance" in found.venue
    assert found.strategy["maker"].parameters_for("BTCUSDT") == {"risk_aversion": "0.5", "horizon_s": "60"}


@pytest.mark.parametrize("key", ["api_key", "api_secret"])
def test_a_secret_in_a_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    said = refusal(tmp_path, f"[venue.loopback]\n{key} = sesame\n")
    assert f"TITAN_VENUE__LOOPBACK__{key.upper()}" in said
    assert "sesame" not in said


def test_a_secret_is_not_shown_when_something_else_is_wrong(tmp_path: Path) -> None:
    said = refusal(
        tmp_path, TITAN_VENUE__LOOPBACK__API_SECRET="sesame", TITAN_VENUE__LOOPBACK__USE_AMEND="maybe"
    )
    assert "[venue.loopback] use_amend = maybe: must be true or false" in said
    assert "sesame" not in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[live]\nquote_interval = 5\n",
            "quote_interval: unknown key; did you mean 'quote_interval_ms'?",
        ),
        (
            "[live]\nquote_interval_ms = 0\n",
            "[live] quote_interval_ms = 0: must be a whole number at least 1 and",
        ),
        ("[live]\nquote_interval_ms = 1.5\n", "[live] quote_interval_ms = 1.5: must be a whole number"),
        ("[live]\nmode = real\n", "[live] mode = real: must be one of loopback, paper, shadow, canary, live"),
        ("[live]\nmarkout_s = nan\n", "[live] markout_s = nan: must be a number above 0 and at most 3600"),
        ("[risk]\nmax_daily_loss = inf\n", "[risk] max_daily_loss = inf: must be a number at least 0"),
        ("[project]\nreporting_currency = us dollar\n", "must be text that matches"),
        ("[lives]\nmode = paper\n", "unknown section [lives]; did you mean 'live'?"),
        ("[quite.other]\nmode = paper\n", "unknown section [quite.other]; known are live, paper, project"),
        ("[live.paper]\nmode = paper\n", "[live.paper] cannot be divided; write [live]"),
        ("[venue]\nsymbols = BTCUSDT\n", "[venue] needs a name: [venue.NAME]"),
        ("[venue.Loud]\nsymbols = BTCUSDT\n", "[venue.Loud]: String should match pattern"),
        ("[venue.other]\nsymbols = ,\n", "[venue.other] symbols = ,: must be a list separated by commas"),
        ("[strategy.bare]\nvenue = loopback\n", "[strategy.bare] code is missing"),
        (
            "[live]\nvenue = loopbak\n",
            "loopbak has no [venue.loopbak]; did you mean 'loopback'?",
        ),
        (
            "[strategy.a]\ncode = a.b\nvenue = x\n",
            "venue = x has no [venue.x]; known are loopback",
        ),
        (
            "[strategy.a]\ncode = a.b\nsymbols = XRPUSDT\n",
            "XRPUSDT, which [venue.loopback] does not follow",
        ),
        ("[strategy.maker.BTCUSD]\nx = 1\n", "does not quote this symbol; did you mean 'BTCUSDT'?"),
        ("[strategy.maker.code]\nx = 1\n", "'code' is a key and cannot hold others"),
        ("mode = paper\n[live]\n[live]\n", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_the_value_and_the_range(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in refusal(tmp_path, SMALL + text)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("TITAN_LIVES__MODE", "TITAN_LIVES__MODE: unknown section 'lives'; did you mean 'live'?"),
        ("TITAN_LIVE__MODE__X", "TITAN_LIVE__MODE__X: write TITAN_SECTION__KEY"),
        ("TITAN_VENUE__LOOPBACK", "TITAN_VENUE__LOOPBACK: write TITAN_SECTION__KEY"),
        ("TITAN_LIVE__MODES", "[live] modes: unknown key; did you mean 'mode'?"),
    ],
)
def test_a_wrong_variable_is_refused(tmp_path: Path, variable: str, expected: str) -> None:
    assert expected in refusal(tmp_path, **{variable: "1"})


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TITAN_LIVE__TELEMETRY_PORT", "70000", "[live] telemetry_port = 70000: must be a whole number"),
        ("TITAN_LIVE__BOGUS", "1", "[live] bogus: unknown key"),
        ("TITAN_VENUE__LOOPBACK__USE_AMEND", "maybe", "[venue.loopback] use_amend = maybe"),
        ("TITAN_VENUE__1X__SYMBOLS", "BTCUSDT", "[venue.1x]: String should match"),
        ("TITAN_STRATEGY__BARE__VENUE", "loopback", "[strategy.bare] code is missing"),
        ("TITAN_LIVE__VENUE", "loopbak", "[live] venue = loopbak has no [venue.loopbak]"),
        ("TITAN_STRATEGY__MAKER__VENUE", "x", "[strategy.maker] venue = x has no [venue.x]"),
        ("TITAN_STRATEGY__MAKER__SYMBOLS", "XRPUSDT", "[strategy.maker] quotes XRPUSDT"),
        ("TITAN_STRATEGY__MAKER__BTCUSD__X", "1", "[strategy.maker.BTCUSD]: [strategy.maker] does not"),
    ],
)
def test_a_wrong_value_from_the_environment_names_the_variable(
    tmp_path: Path, variable: str, value: str, expected: str
) -> None:
    said = refusal(tmp_path, SMALL + "[live]\ntelemetry_port = 1\n", **{variable: value})
    assert said.startswith(f"{variable}: {expected}")
    assert "settings.ini" not in said


def test_every_wrong_value_names_the_layer_that_it_was_read_from(tmp_path: Path) -> None:
    wrong = "stale_after_s = no\nmarkout_s = no\ntelemetry_port = no\nmode = no\n"
    file = write(tmp_path, SMALL + "[live]\n" + wrong)
    local = write(tmp_path, "[live]\n" + wrong.partition("\n")[2], "settings.local.ini")
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(file, {"TITAN_LIVE__TELEMETRY_PORT": "70000"}, {"live.mode": "real"})
    found = {line.partition("[live] ")[2].split()[0]: line for line in str(caught.value).splitlines()}
    assert found["stale_after_s"].startswith(f"{file}: ")
    assert found["markout_s"].startswith(f"{local}: ")
    assert found["telemetry_port"].startswith("TITAN_LIVE__TELEMETRY_PORT: [live] telemetry_port = 70000")
    assert found["mode"].startswith("command line: [live] mode = real")


def test_a_default_that_does_not_fit_names_the_settings_file(tmp_path: Path) -> None:
    text = "[venue.other]\nsymbols = BTCUSDT\n"
    said = refusal(tmp_path, text, TITAN_LIVE__MARKOUT_S="1")
    assert said.startswith(f"{tmp_path / 'settings.ini'}: [live] venue = loopback has no")


def test_a_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(settings.SettingsError, match="no such settings file"):
        settings.load(tmp_path / "none.ini", {})
    monkeypatch.setattr(settings, "FILE", "surely-nowhere.ini")
    with pytest.raises(settings.SettingsError, match=r"no surely-nowhere\.ini in .* or above"):
        settings.find(tmp_path)


def test_unreadable_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    file.write_bytes(b"[live]\nmode = \xff\n")
    with pytest.raises(settings.SettingsError, match="cannot be read"):
        settings.load(file, {})


def test_a_percent_sign_and_a_default_section_have_no_meaning(tmp_path: Path) -> None:
    found = load(tmp_path, SMALL + "label = 100%\n").strategy["maker"].parameters_for("BTCUSDT")
    assert found["label"] == "100%"
    assert "unknown section [DEFAULT]" in refusal(tmp_path, SMALL + "[DEFAULT]\nx = 1\n")


def test_an_empty_venue_section_takes_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path, "[venue.loopback]\n")
    assert found.venue["loopback"].symbols == ("BTCUSDT",)


def test_settings_are_frozen(tmp_path: Path) -> None:
    found = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        found.live.mode = "live"


@pytest.mark.parametrize("text", ["5, 3", "x", "-1", ",", "60001"])
def test_latencies_are_rising_numbers(tmp_path: Path, text: str) -> None:
    said = refusal(tmp_path, SMALL + f"[paper]\nentry_ms = {text}\n")
    assert "numbers separated by commas, the least first, each at least 0 and at most 60000" in said
    assert "[paper] entry_ms = " in said
