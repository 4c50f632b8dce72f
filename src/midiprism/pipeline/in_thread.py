"""Does work in a thread while this one waits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_thread(work: Callable[[], None]) -> Iterator[None]:
    """Do some work in a thread during a block, which ends after it."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()
