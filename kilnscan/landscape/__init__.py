"""A made-up landscape of brick kilns, for the demo and the tests: no pixel of it shows a real place.

It lies in the Bay of Bengal, on the corner of four 10 km tiles and on the border of two MGRS squares. The same seed
gives byte-identical files; another seed gives another landscape, to train on. A landscape can also be had a year later,
when some of its kilns are new, gone, moved or of another type.
"""

from kilnscan.landscape.imagery import SHEETS, write_sheet
from kilnscan.landscape.plan import Landscape, named_landscape, plan_landscape
from kilnscan.landscape.sentinel2 import write_scenes
from kilnscan.landscape.truth import write_truth

__all__ = ["SHEETS", "Landscape", "named_landscape", "plan_landscape", "write_scenes", "write_sheet", "write_truth"]
