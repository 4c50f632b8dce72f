"""Packages that only some requests need, and the error that one of them is missing."""

import shlex
import sys

from midiprism.errors import UsageError

OPTIONAL_PACKAGES = {
    "pyarrow": "pyarrow>=17",
    "psycopg": "psycopg[binary]>=3.2",
    "obstore": "obstore>=0.12",
    "boto3": "boto3>=1.34",
    "ray": "ray>=2.40",
    "deltalake": "deltalake>=1.6",
    "pyiceberg": "pyiceberg[sql-sqlite]>=0.10",
    "starlette": "starlette>=1.0",
    "uvicorn": "uvicorn>=0.30",
}
"""Arguments of ``pip install`` for each optional package; the extras in pyproject.toml say the same."""


class MissingPackageError(UsageError):
    """An optional package that a request needs and that cannot be imported.

    Attributes:
        package: its name.
    """

    def __init__(self, package: str, purpose: str, reason: str = "it is not installed") -> None:
        # This command works whatever midiprism was installed from.
        command = f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(OPTIONAL_PACKAGES[package])}"
        super().__init__(f"{purpose} needs the package {package}, but {reason}. Install it with: {command}")
        self.package = package
