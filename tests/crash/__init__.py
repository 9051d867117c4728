"""Crashes, power cuts and faults of the disk, and what the store owes after each.

`disk` records what a store writes and makes of it what a power cut may leave; `faults`
lets any call of the disk fail; `kill` kills servers. ``python -m tests.crash`` runs
them for long.
"""
