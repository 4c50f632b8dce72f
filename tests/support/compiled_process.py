"""A new process that runs kernels compiled, also where the tests run them as plain Python."""

import os
import subprocess
import sys


def run_python(code: str, *arguments: str, **environment: str) -> str:
    """Return the output of a new process."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "NUMBA_DISABLE_JIT": "0", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
