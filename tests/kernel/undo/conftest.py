"""Put the book of what was done within reach of the tests of this folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
