"""Real money takes three acts. No test here reaches a network: all of them end in a refusal."""

from __future__ import annotations

import socket

import pytest

from tests.live.desks import read_settings, write_settings
from tests.live.promoted import promote
from titan.cli import main_live
from titan.engine.configuration import Expected, Resilience
from titan.live.configure import kernel_config
from titan.live.errors import StartRefused, UsageError
from titan.live.modes import Acts, account_behind, address_for, real_address, require_mode
from titan.live.runner import Runner, RunOptions, run
from titan.settings import load

S = 1_000_000_000
KEYS = {"TITAN_VENUE__LOOPBACK__API_KEY": "k", "TITAN_VENUE__LOOPBACK__API_SECRET": "s"}
ALL = {"stated_mode", "live_flag", "account"}
SAYS = {
    "stated_mode": "the settings file must say [live] mode = {mode}, it says loopback",
    "live_flag": "--live must be given",
    "account": "--account or TITAN_LIVE_ACCOUNT must name the account of [venue.loopback]",
}


def acts(mode: str, done: set[str]) -> Acts:
    given = {"stated_mode": mode, "live_flag": True, "account": "main"}
    return Acts(**{name: value for name, value in given.items() if name in done})


@pytest.mark.parametrize("mode", ["canary", "live"])
@pytest.mark.parametrize("lacking", sorted(ALL))
def test_lacking_one_act_is_refused_and_names_it_alone(tmp_path, mode, lacking):
    settings = read_settings(tmp_path, live__mode=mode)
    with pytest.raises(StartRefused) as refused:
        require_mode(settings, "loopback", acts(mode, ALL - {lacking}))
    said = str(refused.value)
    assert refused.value.exit_code == 3
    assert SAYS[lacking].format(mode=mode) in said
    assert not any(SAYS[name].format(mode=mode) in said for name in ALL - {lacking})


def test_another_accounts_name_is_no_act(tmp_path):
    settings = read_settings(tmp_path, live__mode="live")
    with pytest.raises(StartRefused, match="and other is not it"):
        require_mode(settings, "loopback", Acts("live", True, "other"))


@pytest.mark.parametrize("mode", ["canary", "live"])
def test_with_all_acts_the_default_keys_are_none(tmp_path, mode):
    settings = read_settings(tmp_path, live__mode=mode)
    with pytest.raises(StartRefused, match=r"set TITAN_VENUE__LOOPBACK__API_KEY and .*API_SECRET"):
        require_mode(settings, "loopback", acts(mode, ALL))


def test_the_flag_without_the_mode_is_refused(tmp_path):
    settings = read_settings(tmp_path)
    with pytest.raises(StartRefused, match="--live asks for real money, and \\[live\\] mode = loopback"):
        require_mode(settings, "loopback", acts("loopback", ALL))
    require_mode(settings, "loopback", Acts())


@pytest.mark.parametrize("mode", ["paper", "shadow"])
def test_a_mode_without_money_needs_no_act_and_takes_no_flag_for_one(tmp_path, mode):
    settings = read_settings(tmp_path, live__mode=mode)
    require_mode(settings, "loopback", Acts())
    with pytest.raises(StartRefused, match=f"--live asks for real money, and \\[live\\] mode = {mode}"):
        require_mode(settings, "loopback", acts(mode, ALL))


@pytest.mark.parametrize("given", sorted(KEYS))
def test_half_of_the_credentials_is_no_shadow(tmp_path, given):
    settings = load(write_settings(tmp_path, live__mode="shadow"), environment={given: "k"})
    (missing,) = set(KEYS) - {given}
    with pytest.raises(StartRefused, match=f"half of the credentials; set {missing} in the environment"):
        require_mode(settings, "loopback", Acts())
    paper = load(write_settings(tmp_path, live__mode="paper"), environment={given: "k"})
    require_mode(paper, "loopback", Acts())  # it needs none


# ---- Where public data is read


@pytest.mark.parametrize(
    ("rest", "stream", "expected"),
    [
        ("", "", ("", "")),
        ("http://127.0.0.1:80/", "", ("http://127.0.0.1:80", "ws://127.0.0.1:80")),
        ("http://127.0.0.1:80", "ws://localhost:81/", ("http://127.0.0.1:80", "ws://localhost:81")),
        ("https://a.example/", "wss://b.example", ("https://a.example", "wss://b.example")),
    ],
)
@pytest.mark.parametrize("mode", ["paper", "shadow"])
def test_public_addresses(tmp_path, mode, rest, stream, expected):
    settings = read_settings(tmp_path, live__mode=mode, venue__rest_url=rest, venue__stream_url=stream)
    assert address_for(settings, "loopback", None) == (*expected, "")


@pytest.mark.parametrize(
    ("rest", "stream", "said"),
    [
        ("https://a.example", "", "give both, or neither"),
        ("", "wss://b.example", "give both, or neither"),
        (
            "http://a.example",
            "wss://b.example",
            "rest_url = http://a.example: an address that is not of this machine",
        ),
        (
            "https://a.example",
            "ws://b.example",
            "stream_url = ws://b.example: an address that is not of this machine",
        ),
    ],
)
def test_public_addresses_that_cannot_be_right_are_refused(tmp_path, rest, stream, said):
    settings = read_settings(tmp_path, live__mode="paper", venue__rest_url=rest, venue__stream_url=stream)
    with pytest.raises(UsageError, match=said):
        address_for(settings, "loopback", None)


def test_an_account_is_followed_by_mode_and_by_where_it_is(tmp_path):
    def named(mode: str, url: str = "http://127.0.0.1:80", keys: bool = False) -> str:
        path = write_settings(tmp_path, live__mode=mode, venue__rest_url=url)
        return account_behind(mode, load(path, environment=KEYS if keys else {}).venue["loopback"])

    assert named("paper") == named("paper", keys=True) == "paper on 127.0.0.1:80"
    assert named("paper", "") == "paper on binance_usdm"
    assert named("shadow") == "shadow on 127.0.0.1:80"
    names = [
        named("paper"),
        named("shadow"),
        named("shadow", keys=True),
        named("live", keys=True),
        named("paper", ""),
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("key", "url"), [("rest_url", "http://127.0.0.1:9"), ("stream_url", "ws://127.0.0.1:9")]
)
def test_a_real_account_is_never_reached_unencrypted(tmp_path, key, url):
    settings = read_settings(tmp_path, **{f"venue__{key}": url})
    with pytest.raises(UsageError, match=f"{key} = {url}: a real account needs"):
        real_address(settings.venue["loopback"])


def test_real_addresses_are_the_settings_or_the_protocols_own(tmp_path):
    own = real_address(read_settings(tmp_path).venue["loopback"])
    assert own == ("", "", "")
    given = {"venue__rest_url": "https://a.example/", "venue__stream_url": "wss://b.example/"}
    assert real_address(read_settings(tmp_path, **given).venue["loopback"])[:2] == (
        "https://a.example",
        "wss://b.example",
    )


# ---- By the command line


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(capsys, *arguments: object) -> tuple[int, str]:
    code = main_live([str(argument) for argument in arguments])
    err = capsys.readouterr().err.splitlines()
    return code, err[-1]


@pytest.mark.parametrize("mode", ["canary", "live"])
def test_the_mode_on_the_command_line_alone_is_refused(tmp_path, capsys, monkeypatch, mode):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TITAN_LIVE__MODE", mode)
    code, said = command(
        capsys, "--settings", write_settings(tmp_path), "--mode", mode, "--live", "--account", "main"
    )
    assert code == 3
    assert f"the settings file must say [live] mode = {mode}, it says loopback" in said
    assert not (tmp_path / "journals").exists()


@pytest.mark.parametrize("typed", ["argument", "environment"])
@pytest.mark.parametrize("mode", ["canary", "live"])
def test_with_all_three_acts_and_a_record_it_goes_as_far_as_a_dead_address(
    tmp_path, capsys, monkeypatch, mode, typed
):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    dead = closed_port()
    settings = write_settings(
        tmp_path, live__mode=mode, venue__rest_url=f"https://127.0.0.1:{dead}",
        venue__stream_url=f"wss://127.0.0.1:{dead}", project__promotions=tmp_path / "promotions",
    )  # fmt: skip
    promote(load(settings, environment={}), mode)
    account = ["--account", "main"] if typed == "argument" else []
    if typed == "environment":
        monkeypatch.setenv("TITAN_LIVE_ACCOUNT", "main")
    code, said = command(capsys, "--settings", settings, "--live", *account)
    assert code == 3
    assert f"venue loopback at https://127.0.0.1:{dead} cannot be reached" in said
    code, said = command(capsys, "--settings", settings, "--live", *account, "--replay", settings)
    assert code == 2
    assert f"--replay is for mode loopback, and [live] mode = {mode}" in said


@pytest.mark.parametrize("mode", ["paper", "shadow"])
def test_where_nothing_answers_the_start_is_refused_and_no_other_mode_is_taken(tmp_path, capsys, mode):
    dead = closed_port()
    settings = write_settings(tmp_path, venue__rest_url=f"http://127.0.0.1:{dead}")
    code, said = command(capsys, "--settings", settings, "--mode", mode)
    assert code == 3
    assert f"venue loopback at http://127.0.0.1:{dead} cannot be reached" in said
    assert "check rest_url and the network" in said
    for flag in ("--replay", "--faults"):
        code, said = command(capsys, "--settings", settings, "--mode", mode, flag, settings)
        assert code == 2
        assert f"{flag} is for mode loopback, and [live] mode = {mode}" in said


async def test_nothing_is_connected_before_the_acts_are_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(Runner, "run", lambda self: pytest.fail("a runner was started"))
    settings = read_settings(tmp_path, live__mode="live")
    with pytest.raises(StartRefused):
        await run(settings, RunOptions(venue="loopback"))


# ---- What the engine is told


def test_a_canary_trades_its_share_and_nothing_else_does(tmp_path):
    whole = kernel_config(read_settings(tmp_path, live__mode="live"), "s", "loopback", 0)
    canary = kernel_config(read_settings(tmp_path, live__mode="canary"), "s", "loopback", 0)
    assert (whole.size_share, canary.size_share) == (1.0, 0.01)
    for name in ("max_order_notional", "max_position_notional", "max_gross_notional", "max_daily_loss"):
        assert getattr(canary.limits, name) == pytest.approx(getattr(whole.limits, name) * 0.01)
    assert canary.limits.collar_bps == whole.limits.collar_bps


def test_every_protection_reaches_the_engine_and_those_by_the_clock_not_in_replays(tmp_path):
    changes = {
        "live__dead_man_s": 30, "live__breaker_failures": 7, "live__breaker_window_s": 3, "live__breaker_longest_s": 9,
        "live__most_drift_ms": 11, "live__most_round_trip_ms": 12, "live__private_late_s": 4,
        "venue__margin_mode": "any", "venue__leverage": 3, "venue__multi_assets": "true",
        "venue__max_maker_fee_bps": 1, "venue__max_taker_fee_bps": 6,
    }  # fmt: skip
    settings = read_settings(tmp_path, **changes)
    config = kernel_config(settings, "s", "loopback", 0)
    breaker = Resilience(breaker_failures=7, breaker_window_ns=3 * S, breaker_longest_ns=9 * S)
    assert kernel_config(settings, "s", "loopback", 0, real_time=False).resilience == breaker
    assert config.resilience == Resilience(
        breaker_failures=7, breaker_window_ns=3 * S, breaker_longest_ns=9 * S, dead_man_ns=30 * S,
        most_drift_ns=11_000_000, most_round_trip_ns=12_000_000, private_late_ns=4 * S,
    )  # fmt: skip
    assert config.venues[0].expected == Expected(
        leverage=3, multi_assets=True, max_maker_fee_bps=1.0, max_taker_fee_bps=6.0
    )
