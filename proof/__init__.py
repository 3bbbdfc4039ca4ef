"""Long trials, each under an hour, resumable, outside ``make test``.

A module here is a trial if it has ``run(state, scale) -> Result``; what several trials share stands in `proof.parts`.

chaos
    Twenty thousand seeds against a failing exchange: no promise is broken.
coverage
    Every fault has met orders in every state in which it can, fifty times and more; the table is docs/coverage.md.
sabotage
    Each protection is missed when it is taken away; the table is docs/protections.md.
sockets
    Three hundred seeds over real sockets, in real time.
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
