"""Put the simulator, and the bugs that it has to find, within reach of the tests of this folder."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "seeded")]
