"""What the studies on bars are given: files that are refused with a reason, drawn markets, and portfolios by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titan.reports import drawn, funding_study, regime_study, tail_risk
from titan.reports.errors import ReportError
from titan.reports.price_files import price_column, read_frame


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_drawn_market_is_the_same_for_the_same_seed() -> None:
    assert drawn.daily_prices(50, 3).equals(drawn.daily_prices(50, 3))
    assert not drawn.daily_prices(50, 3).equals(drawn.daily_prices(50, 4))
    bars = drawn.candles(200, 3)
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert bars["open"].iloc[1:].tolist() == bars["close"].iloc[:-1].tolist()
    rates, basis = drawn.funding(100, 3)
    assert rates.shape == basis.shape == (100, 20)


def test_files_of_prices(tmp_path: Path) -> None:
    good = written(
        tmp_path / "good.csv", "day,name,price\n2024-01-01,a,1.5\n2024-01-02,b,\n2024-01-03,c,2.5\n"
    )
    frame = read_frame("prices", good)
    assert price_column("column", frame, "").tolist() == [1.5, 2.5]
    with pytest.raises(ReportError, match="column = volume: the columns of numbers are price"):
        price_column("column", frame, "volume")
    with pytest.raises(ReportError, match=r"parameter prices: .*absent\.csv is no file"):
        read_frame("prices", str(tmp_path / "absent.csv"))
    falling = written(tmp_path / "falling.csv", "day,price\n2024-01-02,1\n2024-01-01,2\n")
    with pytest.raises(ReportError, match=r"the times of falling\.csv must rise"):
        read_frame("prices", falling)
    with pytest.raises(ReportError, match="cannot be read"):
        read_frame("prices", written(tmp_path / "words.csv", "day,price\nyesterday,1\nnow,2\n"))
    nothing = read_frame(
        "prices", written(tmp_path / "nothing.csv", "day,price\n2024-01-01,0\n2024-01-02,2\n")
    )
    with pytest.raises(ReportError, match=r"price on 2024-01-01 is 0\.0: a price must be above 0"):
        price_column("column", nothing, "price")
    with pytest.raises(ReportError, match="no column of numbers"):
        price_column("column", frame[["name"]], "")


def test_too_little_to_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ReportError, match=r"450 days of prices: a window of 500 and a tail of 0\.025 need 701"
    ):
        tail_risk.read_prices(tail_risk.Asked(days=450))
    with pytest.raises(ReportError, match="700 candles: a window of 4380 needs 4410"):
        regime_study.read_candles(regime_study.Asked(bars=700))
    with pytest.raises(ReportError, match="calm = 2: must be less than regimes = 2"):
        regime_study.read_candles(regime_study.Asked(calm=2))
    bare = written(tmp_path / "bare.csv", "time,open,close\n2024-01-01,1,1\n")
    with pytest.raises(ReportError, match="bare has no column high, low"):
        regime_study.read_candles(regime_study.Asked(candles=bare))
    with pytest.raises(ReportError, match=r"is no folder with \*_funding\.csv files"):
        funding_study.read_markets(funding_study.Asked(rates=str(tmp_path)))


def test_settlements_are_summed_to_the_grid_and_a_late_stamp_is_none(tmp_path: Path) -> None:
    hours = "".join(f"A,2024-01-01 {hour:02d}:00:00.004,{0.001 * hour}\n" for hour in range(1, 13))
    written(tmp_path / "A_funding.csv", "symbol,time_utc,funding_rate\n" + hours)
    (market,) = funding_study.read_markets(funding_study.Asked(rates=str(tmp_path))).values()
    assert market.interval_s == 14_400.0
    assert market.rates == pytest.approx([0.010, 0.026, 0.042])
    assert [time.hour for time in market.times] == [4, 8, 12]


def test_a_forecast_ahead_is_in_no_test() -> None:
    asked = tail_risk.Asked(days=450, window=240, draws=19)
    prices = tail_risk.read_prices(asked)
    study = tail_risk.study_tail(prices, asked)
    shorter = tail_risk.study_tail(prices.iloc[:-1], asked)
    for name, model in study.models.items():
        assert len(model.hits) == len(study.pnl) == 209
        if (
            name != "Pareto"
        ):  # which is fitted anew on other days of a longer record only if the count is the same
            assert shorter.models[name].next_day.expected_shortfall == model.forecast.shortfall[-1]


@pytest.mark.timeout(300)
def test_portfolios_by_hand() -> None:
    """One process for both, since vectorbt takes seconds to load."""
    from titan.reports.portfolios import Costs, portfolios, record_of

    times = pd.date_range("2024-01-01", periods=6, freq="4h")
    prices = pd.DataFrame({"a": [1.0, 1.1, 1.2, 1.2, 1.5, 1.5]}, times)
    weights = pd.DataFrame({"a": [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]}, times)
    record = record_of(portfolios(prices, weights, Costs(0.01, 0.0), "4h")["a"])
    assert record.orders == 2
    assert 1.0 + record.total_return == pytest.approx(1.2 / 1.1 * 0.99 / 1.01)
    two = prices.assign(b=[2.0, 2.0, 2.0, 2.0, 1.0, 1.0])
    held = pd.DataFrame(1.0, times, ["a", "b"])
    both = record_of(portfolios(two, held, Costs(0.0, 0.0), "4h", True))
    assert both.total_return == pytest.approx(0.5 * (0.5 - 0.5))
    assert both.value.iloc[-1] == pytest.approx(1.0)
    assert both.drawdown == pytest.approx(1.0 - 1.0 / 1.1)
    slipped = record_of(portfolios(prices, weights, Costs(0.0, 0.01), "4h")["a"])
    assert slipped.costs == pytest.approx(0.01 / 1.01 + 0.01 / 1.01 * 1.2 / 1.1, rel=1e-6)


@pytest.mark.timeout(300)
def test_the_study_of_funding_earns_what_the_pairs_received_less_their_costs() -> None:
    asked = funding_study.Asked(settlements=120, safety=0.0)
    markets = {name: one for name, one in list(funding_study.read_markets(asked).items())[:2]}
    markets = {name: one._replace(rates=one.rates + 0.0002) for name, one in markets.items()}
    study = funding_study.study_funding(markets, asked)
    assert study.with_basis
    assert study.grid.shape == (6, 5)
    for name, record in study.by_market.items():
        assert record.value.iloc[-1] == pytest.approx(1.0 + record.total_return), name
    whole = np.mean([record.total_return for record in study.by_market.values()])
    assert study.records["own thresholds, all"].total_return == pytest.approx(whole)
    assert any(record.orders for record in study.by_market.values())
