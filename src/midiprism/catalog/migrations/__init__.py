"""Changes of the tables from one version to the next; run by ``midiprism catalog upgrade``."""
