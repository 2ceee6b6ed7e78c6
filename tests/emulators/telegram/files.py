"""The getFile method and its download links."""

from __future__ import annotations

from typing import Any

from tests.emulators.telegram.api import Api, ApiRequest
from tests.emulators.telegram.errors import bad_request
from tests.emulators.telegram.records import StoredFile

MAX_DOWNLOAD_BYTES = 20 << 20
_FOLDERS = {
    "voice": ("voice", ".oga"),
    "audio": ("music", ".mp3"),
    "video": ("videos", ".mp4"),
    "video_note": ("video_notes", ".mp4"),
    "document": ("documents", ".bin"),
}


def get_file(request: ApiRequest) -> Any:
    """Run getFile: return a download path, in `--local` mode the path on disk."""
    file = request.world.files.get(request.text("file_id"))
    if file is None:
        raise bad_request("invalid file_id")
    if (
        not request.world.is_local
        and max(len(file.data), file.claimed_bytes or 0) > MAX_DOWNLOAD_BYTES
    ):
        raise bad_request("file is too big")
    path = (
        _write_local(request.api, file) if request.world.is_local else _make_link(request.api, file)
    )
    value: dict[str, Any] = {"file_id": file.file_id, "file_unique_id": file.file_unique_id}
    value["file_path"] = path
    if file.claimed_bytes is not None:
        value["file_size"] = file.claimed_bytes
    return value


def _make_link(api: Api, file: StoredFile) -> str:
    if file.path in api.links:
        return file.path
    folder, suffix = _FOLDERS[file.kind]
    file.path = f"{folder}/file_{api.world.number()}{suffix}"
    api.links[file.path] = file.file_id
    return file.path


def _write_local(api: Api, file: StoredFile) -> str:
    path = api.folder / f"{file.file_unique_id}{_FOLDERS[file.kind][1]}"
    path.write_bytes(file.data)
    return str(path)
