"""``python -m midiprism``."""

import sys

from midiprism.cli import main

if __name__ == "__main__":  # worker processes import this too
    sys.exit(main())
