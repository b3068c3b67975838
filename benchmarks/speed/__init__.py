"""Samples a second: the whole path in one worker, beside the least that any Python consumer of the topic must do."""
