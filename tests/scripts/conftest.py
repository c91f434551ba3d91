"""The scripts are not a package: they run before anything is installed. The tests import them by their folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
