"""Random models of regimes, rules and bars, for the tests of the filter and of its fast form."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from titan.calibration.emissions import regime_model
from titan.calibration.regimes import Rule


def random_model(seed, count, size, bound=0.0, nu=0.0):
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((count, size, size))
    return regime_model(
        rng.dirichlet(np.ones(count)),
        rng.dirichlet(np.ones(count), count),
        rng.standard_normal((count, size)),
        half @ np.swapaxes(half, 1, 2) + 0.3 * np.eye(size),
        tuple("abcde"[:count]),
        rng.standard_normal(size),
        rng.uniform(0.1, 5.0, size),
        bound,
        nu,
    )


models = st.builds(
    random_model,
    st.integers(0, 1_000),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([0.0, 2.0]),
    st.sampled_from([0.0, 4.0]),
)
rules = st.builds(Rule, st.floats(0.0, 0.99), st.integers(1, 4), st.floats(0.0, 0.99))
PAIR = regime_model(
    [0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.0], [4.0]], [[[1.0]], [[1.0]]], ("a", "b"), [0.0], [1.0]
)


def bars_for(model, seed, count=20):
    """Bars around all regimes, some of them far off."""
    rng = np.random.default_rng(seed)
    return 4.0 * rng.standard_t(3, (count, len(model.centre)))
