"""The closed form over several instruments: a root that is one, leans in order, units, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.strategy.glft_matrix import Book, lean_matrix, portfolio_depths, symmetric_root
from titan.strategy.glft_table import Market, asymptotic_depths

positive = st.floats(0.1, 10.0)


@st.composite
def books(draw: st.DrawFn, least: int = 1) -> Book:
    """Return a book of one to four instruments with a covariance."""
    count = draw(st.integers(least, 4))
    factors = np.array(draw(st.lists(st.floats(-3.0, 3.0), min_size=count * count, max_size=count * count)))
    factors = factors.reshape(count, count)
    columns = [draw(st.lists(positive, min_size=count, max_size=count)) for _ in range(3)]
    xi = draw(st.none() | st.floats(0.0, 2.0))
    # Not singular: there the root of rounding errors, 1e-8, would be compared.
    return Book(factors @ factors.T + 0.05 * np.eye(count), *columns, draw(st.floats(0.0, 2.0)), xi)


def count_of(book: Book) -> int:
    return len(np.asarray(book.order_sizes))


@given(books())
def test_the_root_is_symmetric_not_negative_and_squares_to_the_matrix(book: Book) -> None:
    covariance = np.asarray(book.covariance)
    root = symmetric_root(covariance)
    scale = 1.0 + np.abs(covariance).max()
    assert (root == root.T).all()
    assert np.abs(root @ root - covariance).max() <= 1e-9 * scale
    assert np.linalg.eigvalsh(root).min() >= -1e-9 * scale


def test_rounding_far_below_the_variances_is_no_asymmetry() -> None:
    table = [[1.0, 2e-319], [1e-319, 4.0]]
    assert symmetric_root(table) == pytest.approx(np.diag([1.0, 2.0]))


def test_the_root_of_what_is_no_covariance_is_that_of_the_nearest() -> None:
    root = symmetric_root([[1.0, 2.0], [2.0, 1.0]])  # eigenvalues 3 and -1
    assert root @ root == pytest.approx(np.full((2, 2), 1.5))


@given(books())
def test_the_matrix_solves_the_riccati_equation(book: Book) -> None:
    rates, k, size = (np.asarray(column) for column in book[1:4])
    x = (book.risk_aversion if book.fill_aversion is None else book.fill_aversion) * size / k
    thinned = np.exp(-np.array([(1 + 1 / v) * math.log1p(v) if v > 1e-9 else 1.0 for v in x]))
    weight = np.diag(2.0 * k * rates * size * thinned)
    matrix = lean_matrix(book)
    wanted = book.risk_aversion * np.asarray(book.covariance)
    assert 4.0 * matrix @ weight @ matrix == pytest.approx(wanted, rel=1e-7, abs=1e-7)


@given(books(), st.integers(0, 3), st.floats(-5.0, 5.0), st.floats(0.0, 5.0))
def test_more_of_one_never_raises_its_own_quotes(book: Book, at: int, held: float, more: float) -> None:
    at %= count_of(book)
    low = np.full(count_of(book), held)
    high = low + more * (np.arange(count_of(book)) == at)
    (low_bid, low_ask), (high_bid, high_ask) = (portfolio_depths(book, q) for q in (low, high))
    assert high_bid[at] >= low_bid[at] - 1e-9
    assert high_ask[at] <= low_ask[at] + 1e-9


@given(books(), st.floats(1.0, 10.0))
def test_more_risk_aversion_never_reduces_the_own_lean(book: Book, times: float) -> None:
    fixed = book._replace(fill_aversion=0.1)
    more = fixed._replace(risk_aversion=fixed.risk_aversion * times)
    assert (np.diag(lean_matrix(more)) >= np.diag(lean_matrix(fixed)) * (1 - 1e-12)).all()


@given(books(), st.floats(-5.0, 5.0))
def test_a_turned_inventory_turns_the_sides(book: Book, held: float) -> None:
    q = np.linspace(held, 1.0, count_of(book))
    bids, asks = portfolio_depths(book, q)
    turned_bids, turned_asks = portfolio_depths(book, -q)
    assert bids == pytest.approx(turned_asks, rel=1e-12, abs=1e-12)
    assert asks == pytest.approx(turned_bids, rel=1e-12, abs=1e-12)


@given(books(), st.floats(-5.0, 5.0), st.floats(0.01, 100.0))
def test_units_of_money_coins_and_time_do_not_matter(book: Book, held: float, unit: float) -> None:
    count = count_of(book)
    book = book._replace(fill_aversion=0.3)
    covariance, rates, decays, sizes = (np.asarray(value) for value in book[:4])
    cents = Book(covariance * unit**2, rates, decays / unit, sizes, book.risk_aversion / unit, 0.3 / unit)
    # A coin cut in pieces costs less and fades faster.
    lots = Book(covariance / unit**2, rates, decays * unit, sizes * unit, book.risk_aversion, 0.3)
    slower = book._replace(covariance=covariance / unit, arrival_rates=rates / unit)
    bids, _ = portfolio_depths(book, [held] * count)
    scale = 1.0 + np.abs(bids).max()
    for other, size, price in ((cents, 1.0, unit), (lots, unit, 1 / unit), (slower, 1.0, 1.0)):
        got, _ = portfolio_depths(other, [held * size] * count)
        assert got / price == pytest.approx(bids, rel=1e-7, abs=1e-7 * scale)


@given(books(least=2), st.permutations(range(4)))
def test_the_order_of_instruments_does_not_matter(book: Book, order: list[int]) -> None:
    chosen = [at for at in order if at < count_of(book)]
    covariance = np.asarray(book.covariance)[np.ix_(chosen, chosen)]
    columns = [np.asarray(column)[chosen] for column in book[1:4]]
    shuffled = Book(covariance, *columns, book.risk_aversion, book.fill_aversion)
    bids, _ = portfolio_depths(book, np.arange(count_of(book)))
    others, _ = portfolio_depths(shuffled, np.array(chosen))
    assert others == pytest.approx(bids[chosen], rel=1e-6, abs=1e-6)


@given(positive, positive, positive, positive, st.floats(0.0, 2.0), st.floats(-5.0, 5.0))
def test_one_instrument_is_the_closed_form(
    sigma: float, rate: float, decay: float, size: float, gamma: float, held: float
) -> None:
    row = asymptotic_depths(Market(sigma, rate, decay, gamma, size), held)
    bids, asks = portfolio_depths(Book([[sigma**2]], [rate], [decay], [size], gamma), [held])
    assert (bids[0], asks[0]) == pytest.approx((row.bid, row.ask), rel=1e-12, abs=1e-11)


USUAL = Book([[1.0, 0.5], [0.5, 2.0]], [1.0, 2.0], [0.3, 0.4], [1.0, 1.0], 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: symmetric_root([1.0]), r"matrix has shape \(1,\): must be \(n, n\)"),
        (lambda: symmetric_root([[1.0, 2.0]]), r"matrix has shape \(1, 2\)"),
        (lambda: symmetric_root(np.empty((0, 0))), r"matrix has shape \(0, 0\)"),
        (lambda: symmetric_root([[1.0, math.nan], [0.0, 1.0]]), r"matrix\[0, 1\] = nan: must be finite"),
        (lambda: symmetric_root([[1.0, 0.5], [0.0, 1.0]]), "matrix = .*: must be symmetric"),
        (
            lambda: lean_matrix(USUAL._replace(risk_aversion=-1.0)),
            r"book\.risk_aversion = -1\.0: must be >= 0",
        ),
        (lambda: lean_matrix(USUAL._replace(fill_aversion=math.nan)), r"book\.fill_aversion = nan"),
        (lambda: lean_matrix(USUAL._replace(order_sizes=[1.0])), r"book\.order_sizes has shape \(1,\)"),
        (
            lambda: lean_matrix(USUAL._replace(arrival_rates=[1.0, 0.0])),
            r"book\.arrival_rates = \[1\.0, 0\.0\]",
        ),
        (lambda: lean_matrix(USUAL._replace(arrival_decays=[1.0, math.inf])), r"book\.arrival_decays = "),
        (
            lambda: lean_matrix(USUAL._replace(covariance=[[1.0], [2.0]])),
            r"book\.covariance has shape \(2, 1\)",
        ),
        (lambda: portfolio_depths(USUAL, [1.0]), r"inventory = \[1\.0\]: must be finite, shape \(2,\)"),
        (lambda: portfolio_depths(USUAL, [1.0, math.nan]), "inventory = .*: must be finite"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
