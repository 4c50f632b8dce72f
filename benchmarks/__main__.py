"""Run a benchmark, or list all of them.

    python benchmarks
    python benchmarks NAME [OPTIONS]

Each benchmark is a file of this folder with a ``--help`` of its own.
"""

import ast
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SHARED_MODULES = (
    *("__main__", "cluster_paper", "cluster_stages", "common", "competitors", "naive_symusic"),
    *("peer_jobs", "peer_results", "synthetic_catalog", "text_names"),
)
"""Modules that benchmarks import."""


def benchmarks() -> dict[str, str]:
    """Return what each benchmark measures, by its name."""
    paths = sorted(path for path in FOLDER.glob("*.py") if path.stem not in SHARED_MODULES)
    docs = {path.stem: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in paths}
    return {name: (doc or "").partition("\n\n")[0].replace("\n", " ") for name, doc in docs.items()}


def main() -> None:
    """List the benchmarks, or become one of them."""
    known = benchmarks()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print((__doc__ or "").strip(), end="\n\n")
        for name, measured in known.items():
            print(f"{name:<24}{measured}")
        return
    name = sys.argv[1]
    if name not in known:
        sys.exit(f"There is no benchmark {name!r}: `python benchmarks` lists them.")
    paths = [str(FOLDER.parent / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # for worker processes too
    command = [sys.executable, str(FOLDER / f"{name}.py"), *sys.argv[2:]]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
