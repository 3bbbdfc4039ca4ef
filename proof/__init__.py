"""Long trials, each under an hour, resumable, outside ``make test``.

A module here is a trial if it has ``run(state, scale) -> Result``; what several trials share stands in `proof.parts`.

mutation
    Small changes to the modules that money depends on: the tests notice at least nine in ten.
"""
