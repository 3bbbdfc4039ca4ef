"""Drills: sessions rehearsed on the whole stack in virtual time, each with a promise and a page of docs/drills.

``python -m scripts.drills`` writes the pages, and with ``--check`` only compares them.
"""
