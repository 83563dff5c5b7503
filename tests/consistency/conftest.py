"""Put the checker, its workloads and the programs of the acceptance tests within reach."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "acceptance")]
