"""Service level indicators: which samples count, and as what."""
