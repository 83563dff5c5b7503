"""Put the modules of the sweep within reach of its tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
