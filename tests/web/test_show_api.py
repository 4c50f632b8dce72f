"""Tests of showing files in the file manager."""

import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from midiprism.errors import UsageError
from midiprism.web.file_manager import file_manager_command, show_file
from support.web_client import TOKEN, change_headers, make_client


def first_digest(client: TestClient) -> str:
    digest: str = client.get("/api/search", headers={"X-Midiprism-Token": TOKEN}).json()["tracks"][0][
        "digest"
    ]
    return digest


def test_the_file_of_a_track_is_shown(client: TestClient) -> None:
    shown: list[str] = []
    client.app.state.show_file = shown.append  # type: ignore[attr-defined]
    digest = first_digest(client)
    answer = client.post("/api/show", headers=change_headers(), json={"digest": digest})
    assert [answer.json()["path"]] == shown
    assert Path(shown[0]).read_bytes() == client.get(f"/api/tracks/{digest}.mid").content
    assert Path(shown[0]).suffix == ".mid"


def test_nothing_is_shown_to_other_machines(sample_result: Path) -> None:
    shown: list[str] = []
    for client in (make_client(sample_result, host="0.0.0.0"), make_client(sample_result)):
        client.app.state.show_file = shown.append  # type: ignore[attr-defined]
        if client.app.state.settings.is_local:  # type: ignore[attr-defined]
            client = TestClient(client.app, base_url="http://127.0.0.1:8765", client=("192.0.2.7", 1))
            client.app.state.show_file = shown.append  # type: ignore[attr-defined]
        body = {"digest": first_digest(client)}
        assert client.post("/api/show", headers=change_headers(), json=body).status_code == 403
    assert shown == []


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_path_is_an_argument_of_its_own(platform: str) -> None:
    path = "/tmp/a folder/-x; $(rm) 'y'.mid"
    command = file_manager_command(path, platform)
    assert len(command) in (2, 3)
    assert command[-1].endswith((path, "/tmp/a folder"))


def test_a_system_without_a_file_manager_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="the file is /tmp/x"):
        show_file("/tmp/x.mid")
