"""hearsay support-bundle: it tells much, and no secret, no content and nobody's id, in any form."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet

from bots.doctor import shown_settings
from bots.doctor.bundle import Bundle
from bots.doctor.results import Report
from core.config import Settings
from core.models import Chat, JobState, Message, Reply
from core.store import Store, make_cipher
from tests.support.clean_start import make_database
from tests.support.fake_inbox import make_settings
from tests.support.hearsay_command import KEY, TOKEN, Hearsay
from tests.support.telegram_webhook import find_port
from tests.support.virtual_time import current_clock
from tests.support.web_program import read_url, run_part

CONTENT, NAME = "a canary sang at a quarter to nine", "Ann Zebrafink"
PERSON, OPERATOR, GROUP = "771234567890", "889876543210", "-1005544332211"
PASSWORDS = ("canary+page/pass word", "canary operator's pass")
STORE_KEY = Fernet.generate_key().decode()
SECRETS = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "MIMO_API_KEY": KEY,
    "HEARSAY_SECRET_KEY": STORE_KEY,
    "WEB_PASSWORD": PASSWORDS[0],
    "ADMIN_PASSWORD": PASSWORDS[1],
    "API_KEYS": "ada=sk-canarykeyofada0123456789",
}
OTHERS = {
    "ADMIN_IDS": f"telegram:{OPERATOR}",
    "ALLOWED_CHATS": f"{GROUP},{PERSON},ask",
    # Nobody answers there, which is a warning with the whole address.
    "TELEGRAM_API_BASE_URL": "http://canaryuser:canarypass@127.0.0.1:1/bot",
    "MIMO_BASE_URL": "http://127.0.0.1:1/canarypath/v1",
    "MODEL_PROBE": "off",
}
FORBIDDEN = (
    *SECRETS.values(), "sk-canarykeyofada0123456789", "CANARYcanaryCANARY", "canarypass",
    "canarypath", CONTENT, "quarter to nine", NAME, "Zebrafink", PERSON, OPERATOR,
    GROUP.removeprefix("-"),
)  # fmt: skip


def list_forms(text: str) -> set[bytes]:
    """Return a text as it is, and as it stands in URLs, JSON, hexadecimal and Base64."""
    raw = text.encode()
    forms = {raw, quote(text, safe="").encode(), quote(text).encode(), raw.hex().encode()}
    forms |= {json.dumps(text)[1:-1].encode(), text[::-1].encode()}
    for shift in range(3):  # wherever it begins in what was encoded
        whole = base64.b64encode(b" " * shift + raw)
        forms |= {whole[4 if shift else 0 : -4], base64.urlsafe_b64encode(raw)[:-4]}
    return {form for form in forms if len(form) > 5}


async def fill(home: Path) -> str:
    """Store a message and its dead letter, whose error tells what was said; return its job."""
    store = Store(make_database(home), make_cipher(STORE_KEY, home), current_clock())
    chat, now = Chat("telegram", TOKEN.partition(":")[0], PERSON), current_clock().now()
    message = Message(
        chat, "1", now, sender_id=PERSON, sender_name=NAME, text=CONTENT, command="ask"
    )
    job = await store.intake.add(message, lambda message, _: message.command)
    assert job
    await store.jobs.save_reply(job.job_id, Reply(CONTENT), JobState.DONE)
    await store.jobs.finish(job.job_id, JobState.DEAD, f"ValueError: {CONTENT} {PERSON}")
    await store.close()
    return job.job_id


@pytest.mark.real_time
@pytest.mark.sqlite_only
async def test_no_secret_no_content_and_nobodys_id_is_in_it(tmp_path: Path) -> None:
    hearsay, port = Hearsay(tmp_path), str(find_port())
    hearsay.home.mkdir()
    job_id = await fill(hearsay.home)
    settings = SECRETS | OTHERS | {"WEB_PORT": port}
    path = tmp_path / "bundle.zip"
    async with run_part("run", hearsay.home, **settings) as process, asyncio.timeout(60):
        await read_url(process)
        done = await asyncio.to_thread(hearsay, "support-bundle", "-o", str(path), **settings)
        assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as bundle:
        files = {name.partition("/")[2]: bundle.read(name) for name in bundle.namelist()}
    whole = b"\n".join([done.stdout.encode(), done.stderr.encode(), *files.values()])
    for text in FORBIDDEN:
        assert [form for form in list_forms(text) if form in whole] == [], text
    check_files(files, job_id)
    again = await asyncio.to_thread(hearsay, "support-bundle", "-o", str(path), **settings)
    assert again.returncode != 0 and "is there already" in again.stderr


def check_files(files: dict[str, bytes], job_id: str) -> None:
    """Check that what helps is there."""
    found = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    checks = {one["name"]: one["status"] for one in found["doctor.json"]["checks"]}
    assert (checks["telegram"], checks["database"]) == ("fail", "ok")
    database = found["database.json"]
    assert (database["schema"], database["rows"]["messages"], database["jobs"]["dead"]) == (
        "current", 1, 1,
    )  # fmt: skip
    dead = {"job": job_id, "command": "ask", "attempts": 0, "error": "ValueError"}
    assert database["dead_letters"] == [dead]
    process = found["process.json"]
    assert process["health"]["parts"]["telegram"] is False
    assert {one["event"] for one in process["problems"]} >= {"telegram_start_failed"}
    assert b"hearsay_ready{" in files["metrics.txt"]
    told = found["settings.json"]
    assert told["MIMO_API_KEY"] == {"is_set": True}
    assert told["OPENAI_API_KEY"] == {"is_set": False}
    assert told["ALLOWED_CHATS"] == {"is_set": True, "count": 3}
    assert told["MIMO_BASE_URL"] == {"is_set": True, "address": "http://127.0.0.1:1"}
    assert found["versions.json"]["packages"]["SQLAlchemy"]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ada:canary@127.0.0.1:1", "127.0.0.1:1"),
        ("ada:can/ary@127.0.0.1:1", "…"),
        ("ada:can%2Fary@127.0.0.1:1", "127.0.0.1:1"),
        ("ada:can#ar@y@127.0.0.1:1", "…"),
    ],
)
async def test_without_a_process_and_a_database_the_rest_is_there(
    tmp_path: Path, address: str, told: str
) -> None:
    url = f"postgresql+psycopg://{address}/hearsay"
    settings = make_settings(hearsay_home=tmp_path, database_url=url, web_port=0)
    bundle = Bundle(settings)
    await bundle.collect(Report(is_json=True))
    assert "error" in json.loads(bundle.files["database.json"])
    assert "WEB_PORT is 0" in bundle.files["process.json"]
    shown = json.loads(bundle.files["settings.json"])["DATABASE_URL"]
    assert shown["address"] == f"postgresql+psycopg://{told}"
    for secret in ("canary", "can/ary", "can%2Fary", "can#ar"):
        assert secret not in "".join(bundle.files.values())


def test_it_is_decided_of_every_setting_what_is_told() -> None:
    told = [*shown_settings.SHOWN, *shown_settings.ADDRESSES]
    told += [*shown_settings.COUNTED, *shown_settings.NAMED]
    assert len(told) == len(set(told)) and set(told) == Settings.model_fields.keys()


def test_of_an_address_scheme_host_and_port_are_shown() -> None:
    shown = shown_settings.find_origin
    assert shown("sqlite:////home/ada/hearsay.db") == "sqlite://"
    assert (
        shown("https://bot.example.org:8443/secret/path?token=1") == "https://bot.example.org:8443"
    )


def test_ids_and_the_folder_of_the_user_are_taken_out(tmp_path: Path) -> None:
    bundle = Bundle(make_settings(hearsay_home=tmp_path, denied_chats="telegram:4711"))
    bundle._add("a.json", {"text": f"4711 in {Path.home()}/x, {PERSON}, {GROUP}; 12345 of 99.5"})
    assert json.loads(bundle.files["a.json"])["text"] == (
        "[id] in ~/x, [number], [number]; 12345 of 99.5"
    )
    assert os.environ["PATH"] not in bundle.files["a.json"]


def test_paths_are_readable_where_the_user_has_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_home() -> Path:
        raise RuntimeError

    bundle = Bundle(make_settings(hearsay_home=tmp_path))
    for home in (find_no_home, lambda: Path("/")):
        monkeypatch.setattr(Path, "home", home)
        bundle._add("a.json", {"path": "/var/lib/hearsay"})
        assert json.loads(bundle.files["a.json"]) == {"path": "/var/lib/hearsay"}
