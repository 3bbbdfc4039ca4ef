"""Samples of titan.strategy.glft_matrix."""

import math

import numpy as np

from tests.exports.sample import NUMBER, PRICE, RATE, SIZE, Sample, Unit
from titan.strategy.glft_matrix import Book, lean_matrix, portfolio_depths, symmetric_root

COVARIANCE = np.array([[4.0, 1.5], [1.5, 1.0]])
BOOK = Book(
    COVARIANCE, np.array([1.0, 0.5]), np.array([0.3, 0.7]), np.array([1.0, 2.0]), 0.1, fill_aversion=0.2
)
ONE_OVER_PRICE: Unit = (-1.0, 0.0, 0.0)
# Quote currency is what a price and a size make; with prices per coin, gamma D / k and gamma q are numbers.
UNITS_OF_BOOK = (
    (2.0, 0.0, -1.0), RATE, ONE_OVER_PRICE, SIZE, (-1.0, -1.0, 0.0), (-1.0, -1.0, 0.0)
)  # fmt: skip

SAMPLES: tuple[Sample, ...] = (
    Sample(
        symmetric_root,
        {"matrix": COVARIANCE},
        changes={"matrix": 2.0 * COVARIANCE},
        refused={"matrix": ([1.0], [[1.0, 0.5], [0.0, 1.0]], [[1.0, math.nan], [math.nan, 1.0]])},
        units={"matrix": (2.0, 0.0, 0.0), "result": PRICE},
    ),
    Sample(
        lean_matrix,
        {"book": BOOK},
        changes={"book": BOOK._replace(risk_aversion=0.2)},
        refused={
            "book": (
                BOOK._replace(risk_aversion=-1.0),
                BOOK._replace(fill_aversion=math.nan),
                BOOK._replace(order_sizes=[1.0]),
                BOOK._replace(arrival_rates=[0.0, 1.0]),
            )
        },
        units={"book": UNITS_OF_BOOK, "result": (1.0, -1.0, 0.0)},
    ),
    Sample(
        portfolio_depths,
        {"book": BOOK, "inventory": np.array([2.0, -1.0])},
        changes={"book": BOOK._replace(fill_aversion=0.3), "inventory": np.array([2.0, 1.0])},
        refused={"inventory": ([1.0], [1.0, math.inf])},
        units={"book": UNITS_OF_BOOK, "inventory": SIZE, "result": (PRICE, PRICE)},
    ),
    Sample(
        portfolio_depths,
        {"book": BOOK._replace(fill_aversion=None), "inventory": np.array([0.0, 0.0])},
        changes={"book": BOOK._replace(covariance=2.0 * COVARIANCE, fill_aversion=None)},
        units={"book": UNITS_OF_BOOK, "inventory": NUMBER, "result": (PRICE, PRICE)},
    ),
)
