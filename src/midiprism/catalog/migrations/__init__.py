"""How the tables changed from one version to the next; run by ``midiprism catalog upgrade``."""
