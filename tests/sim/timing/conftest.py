"""Programs that the other tests of the simulator run."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # bilstm_program
