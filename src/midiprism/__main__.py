"""``python -m midiprism``."""

import sys

from midiprism.cli import main

sys.exit(main())
