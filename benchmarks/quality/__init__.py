"""How well the shipped configuration detects, beside the usual detectors, on labelled data and on quiet data."""
