"""Tick assembly: samples in any order become the ticks of entities, and silence is noticed."""
