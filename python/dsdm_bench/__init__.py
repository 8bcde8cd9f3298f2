"""The benchmark behind ``dsdm bench``: dsdm on this machine, against every peer that is installed.

`select` measures the selection of rows by score, `gather` the materialization of rows, `rules` thresholds, budgets and
quotas; `harness` holds what all use.
The benchmark uses dsdm by its public names alone, as any other program does.
"""
