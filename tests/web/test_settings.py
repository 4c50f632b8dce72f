"""Tests of where a server listens, and by which names it may be called."""

import socket

import pytest

from midiprism.web.server import page_address
from midiprism.web.settings import ServerSettings, is_loopback
from midiprism.web.soundbank.find_bank import bank_folders


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_local(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_every_start_has_a_token_of_its_own() -> None:
    tokens = {ServerSettings().token for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) >= 32 for token in tokens)


def test_a_local_server_has_no_names_but_those_of_the_loopback_device() -> None:
    assert ServerSettings().allowed_hosts == ["127.0.0.1", "localhost", "[::1]"]
    names = ServerSettings(host="0.0.0.0").allowed_hosts
    assert socket.gethostname().lower() in names
    assert "*" not in names


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("localhost", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("192.0.2.1", "http://192.0.2.1:80/?token=secret"),
        ("2001:db8::1", "http://[2001:db8::1]:80/?token=secret"),
        ("0.0.0.0", f"http://{socket.gethostname()}:80/?token=secret"),
    ],
)
def test_the_printed_address_leads_to_the_page(host: str, address: str) -> None:
    assert page_address(ServerSettings(host=host, token="secret"), 80) == address


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_system_has_folders_of_sound_banks(platform: str) -> None:
    assert len({*bank_folders(platform, "home")}) >= 3
    assert any("home" in folder for folder in bank_folders(platform, "home"))
