"""The field's usual detectors, one a file. Each gives a causal score per row of a stream, larger = odder.

A baseline sees rows in order and judges each by what came before; `refit.py` is how those that are fitted stay causal.
"""
