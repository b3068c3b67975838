"""The pure core of Tidewatch: bytes and values in, values out.

Nothing in this package performs I/O, reads a clock or looks at the environment. The agents and the command line
feed it and carry out what it returns, which is why the same code scores a live stream and a file.
"""
