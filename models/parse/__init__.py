"""Bytes of the `metrics` topic in, columns of samples and rejects with reasons out; one module per input format."""

from models.parse.outcome import Limits, Parsed, Reject
from models.parse.parser import Parser

__all__ = ["Limits", "Parsed", "Parser", "Reject"]
