"""Samples of what nbs/risk/budget.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import NUMBER, PRICE, RATE, SIZE, TIME, Sample
from titan.risk.budget import (
    Bucket,
    RecentOrder,
    count_same,
    count_within,
    full,
    refill,
    remember,
    remember_time,
    spend,
    whole_messages,
)

BUCKET, BUCKET_UNITS = Bucket(2_000_000_000, 1_000), (NUMBER, TIME)
FIRST, SECOND = RecentOrder(0, 1, 600_000, 5), RecentOrder(150, 1, 600_000, 5)
ORDER_UNITS = (TIME, NUMBER, PRICE, SIZE)
BAD_WINDOWS = (0, -1)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        full,
        {"burst": 10, "now_ns": 1_000},
        changes={"burst": 0, "now_ns": 2_000},
        refused={"burst": (-1,)},
        units={"burst": NUMBER, "now_ns": TIME, "result": BUCKET_UNITS},
    ),
    Sample(
        refill,
        {"bucket": BUCKET, "now_ns": 100_001_000, "rate_per_s": 20, "burst": 10},
        changes={
            "bucket": BUCKET._replace(level=0),
            "now_ns": 1_000,
            "rate_per_s": 0,
            "burst": 3,
        },
        refused={"rate_per_s": (-1,), "burst": (-1,)},
        units={
            "bucket": BUCKET_UNITS,
            "now_ns": TIME,
            "rate_per_s": RATE,
            "burst": NUMBER,
            "result": BUCKET_UNITS,
        },
    ),
    Sample(
        spend,
        {"bucket": BUCKET, "messages": 3},
        changes={"bucket": BUCKET._replace(level=0), "messages": 0},
        refused={"messages": (-1,)},
        units={"bucket": BUCKET_UNITS, "messages": NUMBER, "result": BUCKET_UNITS},
    ),
    Sample(
        whole_messages,
        {"bucket": BUCKET},
        changes={"bucket": BUCKET._replace(level=-1)},
        units={"bucket": BUCKET_UNITS, "result": NUMBER},
    ),
    Sample(
        remember,
        {"recent": (FIRST,), "order": SECOND, "window_ns": 200},
        changes={"recent": (), "order": SECOND._replace(size=6), "window_ns": 150},
        refused={"window_ns": BAD_WINDOWS},
        units={
            "recent": (ORDER_UNITS,),
            "order": ORDER_UNITS,
            "window_ns": TIME,
            "result": (ORDER_UNITS, ORDER_UNITS),
        },
    ),
    Sample(
        count_same,
        {"recent": (FIRST,), "order": SECOND, "window_ns": 200},
        changes={"recent": (), "order": SECOND._replace(size=6), "window_ns": 150},
        refused={"window_ns": BAD_WINDOWS},
        units={
            "recent": (ORDER_UNITS,),
            "order": ORDER_UNITS,
            "window_ns": TIME,
            "result": NUMBER,
        },
    ),
    Sample(
        remember_time,
        {"times": (100, 300), "time_ns": 500, "window_ns": 300},
        changes={"times": (100, 301), "time_ns": 501, "window_ns": 200},
        refused={"window_ns": BAD_WINDOWS},
        units={"times": TIME, "time_ns": TIME, "window_ns": TIME, "result": TIME},
    ),
    Sample(
        count_within,
        {"times": (100, 300), "now_ns": 500, "window_ns": 300},
        changes={"times": (300, 400), "now_ns": 700, "window_ns": 401},
        refused={"window_ns": BAD_WINDOWS},
        units={"times": TIME, "now_ns": TIME, "window_ns": TIME, "result": NUMBER},
    ),
)
