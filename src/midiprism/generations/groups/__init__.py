"""Groups of the songs of a result in object storage, so that data sets can be divided without leaks.

They derive from all songs of a generation, on one machine and by a command of its own. The table has the keys
of songs too, which need the facts of all their tracks, also of those that other chunks have written.
"""
