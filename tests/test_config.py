"""Settings: their sources and validation."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest
from pydantic import ValidationError

from bots.exit_codes import describe_settings_error, read_settings
from core.config import SECRETS, Settings
from core.errors import ConfigError

CANARY = "sk-canary-0123456789abcdef-ghijklm"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_environment_precedes_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("WEB_PORT=1111\nLOG_LEVEL=DEBUG\nHEARSAY_HOME=~/elsewhere\n")
    monkeypatch.setenv("WEB_PORT", "2222")
    monkeypatch.setenv("MIMO_API_KEY", "")
    monkeypatch.setenv("ALLOWED_CHATS", " -100123, 7 ,,")
    settings = Settings()
    assert (settings.web_port, settings.log_level) == (2222, "DEBUG"), "the environment goes first"
    assert settings.mimo_api_key is None and settings.allowed_chats == ("-100123", "7")
    assert settings.hearsay_home == Path.home() / "elsewhere"
    monkeypatch.setenv("WEB_PORT", "")
    assert Settings().web_port == 1111, "an empty value is none at all"


def test_nothing_has_to_be_set() -> None:
    settings = Settings()
    assert settings.transcriber == "auto"
    assert settings.url == f"sqlite:///{Path.home() / '.hearsay' / 'hearsay.db'}"
    assert settings.secrets() == []


def test_a_user_without_a_home_folder_has_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users that systemd makes for a service, where nothing tells the system about them."""

    def find_nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", find_nobody)
    with pytest.raises(ValidationError, match="no home folder: set HEARSAY_HOME to a folder"):
        Settings()
    monkeypatch.setenv("HEARSAY_HOME", "/var/lib/hearsay")
    assert Settings().hearsay_home == Path("/var/lib/hearsay")


@pytest.mark.finding(8)
@pytest.mark.parametrize(
    ("given", "api", "files"),
    [
        ("", "https://api.telegram.org/bot", "https://api.telegram.org/file/bot"),
        ("http://bots:8081", "http://bots:8081/bot", "http://bots:8081/file/bot"),
        ("http://mybot/bot/", "http://mybot/bot", "http://mybot/file/bot"),
        ("http://mybot", "http://mybot/bot", "http://mybot/file/bot"),
    ],
)
def test_files_of_telegram_come_from_where_its_api_is(
    given: str, api: str, files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_API_BASE_URL", given)
    settings = Settings()
    assert (settings.telegram_api_base_url, settings.telegram_file_base_url) == (api, files)
    monkeypatch.setenv("TELEGRAM_FILE_BASE_URL", "https://files.example.org/")
    assert Settings().telegram_file_base_url == "https://files.example.org/"


def test_without_a_gateway_discord_needs_the_public_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_GATEWAY", "OFF")
    with pytest.raises(ConfigError, match="DISCORD_GATEWAY=off needs DISCORD_PUBLIC_KEY"):
        read_settings()
    for wrong in ("ab" * 31, "ab" * 33, "xy" * 32):
        monkeypatch.setenv("DISCORD_PUBLIC_KEY", wrong)
        with pytest.raises(ConfigError, match="DISCORD_PUBLIC_KEY: must be 64 hexadecimal digits"):
            read_settings()
    monkeypatch.setenv("DISCORD_PUBLIC_KEY", "aB" * 32)
    settings = Settings()
    assert (settings.discord_gateway, settings.discord_public_key) == ("off", "ab" * 32)


@pytest.mark.finding(26)
@pytest.mark.parametrize("wrong", ["127.0.0.1:8081", "http://[::1", "http://bots:port", "bot"])
def test_what_is_no_address_is_refused(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELEGRAM_API_BASE_URL", "TELEGRAM_FILE_BASE_URL", "DISCORD_API_BASE_URL"):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(ConfigError) as caught:
            read_settings()
        told = f"{name}: must be an address that begins with http:// or https://"
        assert str(caught.value) == told
        monkeypatch.delenv(name)


def test_ids_of_chats_may_name_their_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_IDS", "telegram:1")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", CANARY)
    monkeypatch.setenv("ALLOWED_CHATS", " Ask, -100123,Telegram:7")
    monkeypatch.setenv("DENIED_CHATS", "discord:8")
    settings = Settings()
    assert settings.allowed_chats == ("ask", "-100123", "telegram:7")
    assert settings.denied_chats == ("discord:8",)


@pytest.mark.parametrize("wrong", ["@mallory", "mallory", "telegrm:7", "telegram:", "7 8", "-"])
@pytest.mark.parametrize("name", ["ALLOWED_CHATS", "DENIED_CHATS"])
def test_what_is_no_id_of_a_chat_is_refused(
    name: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would do nothing, or close the bot for everybody."""
    monkeypatch.setenv(name, f"7,{wrong}")
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert str(caught.value) == (
        f"{name}: each must be an id, such as 12345, telegram:12345 or discord:12345;"
        " names are not accepted"
    )


def test_ask_is_no_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENIED_CHATS", "ask")
    with pytest.raises(ConfigError, match="DENIED_CHATS: ask belongs in ALLOWED_CHATS"):
        read_settings()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_be_in_a_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").write_text(f"{CANARY}\n")
    monkeypatch.setenv(f"{name}_file".upper(), "secret")
    settings = Settings()
    assert settings.secret(name) == CANARY
    assert settings.secrets() == [CANARY]
    assert CANARY not in repr(settings)


def test_the_secret_itself_goes_before_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").write_text("other")
    monkeypatch.setenv("MIMO_API_KEY", CANARY)
    monkeypatch.setenv("MIMO_API_KEY_FILE", "secret")
    assert Settings().secret("mimo_api_key") == CANARY


@pytest.mark.parametrize(
    ("held", "words"), [(None, "No such file"), (b" \n", "is empty"), (b"\xff\xfe", "is not text")]
)
def test_a_bad_secret_file_is_named(
    held: bytes | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if held is not None:
        Path("secret").write_bytes(held)
    monkeypatch.setenv("MIMO_API_KEY_FILE", "secret")
    with pytest.raises(ConfigError, match=f"^MIMO_API_KEY_FILE: secret .*{words}"):
        read_settings()


def test_an_unknown_name_in_the_file_is_refused() -> None:
    Path(".env").write_text(f"MIMO_API_KEI={CANARY}\n")
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert str(caught.value) == "MIMO_API_KEI: is not a known setting"


def test_every_mistake_is_named_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_PORT", "LOG_LEVEL", "MIMO_AUTH_HEADER"):
        monkeypatch.setenv(name, CANARY)
    with pytest.raises(ValidationError) as caught:
        Settings()
    text = describe_settings_error(caught.value)
    named = [part.split(":")[0] for part in text.split("; ")]
    assert named == ["MIMO_AUTH_HEADER", "WEB_PORT", "LOG_LEVEL"]
    assert CANARY not in text


def test_each_key_of_a_list_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", f"alice={CANARY}, bob=sk-other-0123456789")
    monkeypatch.setenv("HEARSAY_SECRET_KEY", "first=,second=")
    assert {CANARY, "sk-other-0123456789", "first=", "second="} <= set(Settings().secrets())


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://bot.example.org", "https://bot.example.org/telegram/webhook"),
        ("https://bot.example.org:8443/", "https://bot.example.org:8443/telegram/webhook"),
        ("https://example.org/hearsay", "https://example.org/hearsay/telegram/webhook"),
        ("https://e.org/telegram/webhook/", "https://e.org/telegram/webhook"),
    ],
)
def test_the_path_of_the_webhook_is_appended(
    given: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_WEBHOOK_URL", given)
    monkeypatch.setenv("TELEGRAM_WEBHOOK_SECRET", CANARY)
    assert Settings().telegram_webhook_url == url


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("bot.example.org", "must be an address"),
        ("http://bot.example.org", "must begin with https://"),
        ("https://bot.example.org:8080", "its port be 443, 80, 88 or 8443"),
        ("https://user:canary@bot.example.org", "no user name"),
        ("https://bot.example.org/?canary", "no ?"),
        ("https://bot.example.org/#canary", "no #"),
    ],
)
def test_an_address_that_telegram_does_not_call_is_refused(
    given: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_WEBHOOK_URL", given)
    monkeypatch.setenv("TELEGRAM_WEBHOOK_SECRET", CANARY)
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert "TELEGRAM_WEBHOOK_URL" in str(caught.value) and words in str(caught.value)
    assert "canary" not in str(caught.value)
    if given.startswith("http://"):
        # A Bot API server of one's own calls any address.
        monkeypatch.setenv("TELEGRAM_API_BASE_URL", "http://127.0.0.1:8081")
        assert Settings().telegram_webhook_url == f"{given}/telegram/webhook"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "TELEGRAM_WEBHOOK_URL needs TELEGRAM_WEBHOOK_SECRET"),
        ("canary-0123456789", "can be guessed"),
        ("canary0" * 10, "can be guessed"),
        ("canary-0123456789 abcdefghijklmnop", "A-Z, a-z, 0-9, _ and - only"),
        ("canary-0123456789-äbcdefghijklmnop", "A-Z, a-z, 0-9, _ and - only"),
        ("canary-0123456789-abcdefghijklmnop=", "A-Z, a-z, 0-9, _ and - only"),
        ("canary-0123456789" * 16, "256 characters at most"),
    ],
)
def test_a_webhook_needs_a_secret_that_telegram_takes(
    secret: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_WEBHOOK_URL", "https://bot.example.org")
    if secret:
        monkeypatch.setenv("TELEGRAM_WEBHOOK_SECRET", secret)
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert words in str(caught.value) and "TELEGRAM_WEBHOOK_SECRET" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["file:///srv/sound", "s3://bucket", "s3://bucket/a/b", "gs://b/p", "az://account/c/p"]
)
def test_where_sound_may_be(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("STORAGE_URL", url)
    assert Settings().storage_url == url


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{CANARY}@bucket/a",
        f"az://account/container?sig={CANARY}",
        f"https://account.blob.core.windows.net/c?sig={CANARY}",
        f"s3:///{CANARY}",
        f"file://{CANARY}",
        f"{CANARY}",
    ],
)
def test_credentials_in_the_address_of_the_storage_are_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("STORAGE_URL", url)
    with pytest.raises(ConfigError, match="STORAGE_URL: must") as raised:
        read_settings()
    assert CANARY not in f"{raised.value!r}{raised.value}"
