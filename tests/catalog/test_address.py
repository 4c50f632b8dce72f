"""Tests of addresses of catalogs: what of them is shown."""

import psycopg
import pytest

from midiprism.catalog import PostgresAddress, has_password
from midiprism.catalog.address import secret_parameters, without_password

SECRET = "s3cret"
SECRETS_OF_LIBPQ = {
    "oauth_client_secret",
    "password",
    "scram_client_key",
    "scram_server_key",
    "sslpassword",
}


@pytest.mark.parametrize(
    "name", [*sorted(SECRETS_OF_LIBPQ), "pass%77ord", "PASSWORD", "a_parameter_of_a_later_libpq"]
)
def test_parameters_that_may_be_secret_are_not_shown(name: str) -> None:
    address = PostgresAddress(f"postgresql://me@host/db?sslmode=require&{name}={SECRET}&connect_timeout=5")
    shown = "postgresql://me@host/db?sslmode=require&connect_timeout=5"
    assert str(address) == shown
    assert SECRET not in address.cli_options + repr(address)
    assert has_password(address.url)


def test_every_parameter_of_the_installed_libpq_is_known_to_be_harmless_or_secret() -> None:
    names = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    url = "postgresql://host/db?" + "&".join(f"{name}=x" for name in sorted(names))
    assert set(secret_parameters(url)) <= SECRETS_OF_LIBPQ


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("host=h password=s3cret user=me", "host=h  user=me"),
        ("host=h scram_client_key='s3cret s3cret' user=me", "host=h  user=me"),
        ("host=h later_key = s3cret", "host=h "),
    ],
)
def test_secrets_in_connection_strings_are_not_shown(text: str, shown: str) -> None:
    assert without_password(text) == shown
