"""The tasks of a check of a result in object storage: files by themselves, then digests across files.

Nothing is written. Of what the tasks find, the process that hands them out gets counts, sums and sentences.
"""
