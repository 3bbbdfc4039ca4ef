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
"""
