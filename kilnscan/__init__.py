"""kilnscan: find every brick kiln of a region from space and publish an atlas of them.

Pure functions on paths, arrays and tables; this package knows nothing of Snakemake.
"""

__version__ = "0.1.0"
