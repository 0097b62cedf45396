"""CoreML packages run by numpy, for tests where there is no CoreML: enough of MIL for the fixtures.

coremltools itself reads the files, so that format, weights and constants are the real ones; only the arithmetic is
here.
What is not known is refused.
"""
