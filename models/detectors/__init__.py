"""Detectors for one series, one file each, and the catalogue of them all."""
