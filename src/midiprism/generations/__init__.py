"""Results in object storage, made by any number of machines, one generation after the other."""
