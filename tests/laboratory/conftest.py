"""Put the tools of this folder within reach of their tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
