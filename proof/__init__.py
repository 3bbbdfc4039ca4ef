"""Long trials, each under an hour, resumable, outside ``make test``.

A module here is a trial if it has ``run(state, scale) -> Result``; what several trials share stands in `proof.parts`.

kills
    The runner is killed at a thousand points and restarted: no intent is lost, none doubled.
journal_cut
    A journal cut at every byte of its end opens with exactly what was whole, and lost orders are adopted.
soak
    Ten million market events: the runner's memory does not grow.
load
    Twenty symbols at 10,000 messages a second on one core: no order event is lost.
mutation
    Small changes to the modules that money depends on: the tests notice at least nine in ten.
"""
