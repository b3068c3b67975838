"""The services of the embedded stack, one module each."""
