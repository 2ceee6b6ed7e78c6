"""Settings, read once at the start. Each secret may also come from a `…_FILE`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote

from pydantic import (
    Field,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.models import ASK
from core.setting_types import (
    LOWER,
    UPPER,
    Address,
    BudgetText,
    ChatList,
    HomePath,
    IdList,
    NetworkList,
    PersonList,
    PublicKey,
    StorageAddress,
    WebhookAddress,
    check_webhook,
    check_webhook_secret,
)

#: Where settings are besides the environment, in the working folder.
ENV_FILE = ".env"
#: Settings that also come from a file named by `<NAME>_FILE`.
SECRETS = (
    "telegram_bot_token",
    "telegram_webhook_secret",
    "discord_bot_token",
    "mimo_api_key",
    "openai_api_key",
    "hearsay_secret_key",
    "web_password",
    "admin_password",
    "api_keys",
)
#: Of these, the ones that are lists of secrets.
_LISTS = ("hearsay_secret_key", "api_keys")
#: The password in an address of a database, as SQLAlchemy finds it: it may have "/" in it.
_IN_ADDRESS = re.compile(r"://[^:/]*:([^@]+)@")
_TELEGRAM = "https://api.telegram.org/bot"


def _read_secret(name: str, path: Path) -> str:
    """Return the secret in a file. Raises ValueError without the secret in it."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path} is not text") from None
    if not secret:
        raise ValueError(f"{name}: {path} is empty")
    return secret


def _list_secrets(listed: str) -> list[str]:
    """Return the secrets of a list, in which each may be "name=secret"."""
    parts = [part.strip() for part in listed.split(",")]
    return [secret for part in parts for secret in (part, part.partition("=")[2]) if secret]


class Settings(BaseSettings):
    """Settings from the environment or `.env`. Unknown keys in `.env` are refused."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        str_strip_whitespace=True,
    )

    #: Token from @BotFather. Telegram is off without it.
    telegram_bot_token: SecretStr | None = None
    telegram_bot_token_file: HomePath | None = None
    #: Base URL of the Bot API; the token is appended. A local Bot API server that runs with --local
    #: lifts the 20 MB limit.
    telegram_api_base_url: Address = _TELEGRAM
    #: Base URL of file downloads; the token is appended. Default: beside the Bot API, "/file/bot".
    telegram_file_base_url: Annotated[Address, Field(validate_default=True)] = ""
    #: Public https address where Telegram delivers updates. Without it they are polled.
    telegram_webhook_url: WebhookAddress | None = None
    #: What Telegram sends with each update, at least 32 random characters; required with a webhook.
    telegram_webhook_secret: SecretStr | None = None
    telegram_webhook_secret_file: HomePath | None = None

    #: Token of a bot from discord.com/developers/applications. Discord is off without it.
    discord_bot_token: SecretStr | None = None
    discord_bot_token_file: HomePath | None = None
    #: Base URL of Discord's REST API, which returns the URL of the gateway.
    discord_api_base_url: Address = "https://discord.com/api/v10"
    #: Connections to the gateway: "auto" takes as many as Discord recommends.
    discord_shard_count: Literal["auto"] | PositiveInt = "auto"
    #: Public key of the application, which signs what is posted to /discord/interactions.
    discord_public_key: PublicKey | None = None
    #: "off" takes interactions over HTTP alone: messages and voice channels are not received.
    discord_gateway: Annotated[Literal["on", "off"], LOWER] = "on"
    #: Replies that are longer than a message: up to four "messages" (then a file), one message and
    #: a "thread" for the rest, or the beginning and all of it as a "file".
    discord_long_answers: Literal["messages", "thread", "file"] = "messages"

    #: API key of Xiaomi MiMo. With it MiMo is used for all roles, unless set otherwise below.
    mimo_api_key: SecretStr | None = None
    mimo_api_key_file: HomePath | None = None
    mimo_base_url: str = "https://api.xiaomimimo.com/v1"
    #: Model for transcription; "auto" uses the first available one of a list.
    mimo_asr_model: str = "auto"
    #: Model for answers and summaries; "auto" as above.
    mimo_chat_model: str = "auto"
    #: Model for speech with preset voices; "auto" as above.
    mimo_tts_model: str = "auto"
    #: Header for the API key.
    mimo_auth_header: Literal["api-key", "authorization"] = "api-key"

    #: Base URL of any server with the OpenAI endpoints for audio and chat.
    openai_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_api_key_file: HomePath | None = None
    #: Model for transcription at that server.
    openai_asr_model: str = "whisper-1"
    #: Model for speech at that server, and its default voice.
    openai_tts_model: str = "tts-1"
    openai_tts_voice: str = "alloy"
    #: Chat model at that server; one with audio input is asked about the recording itself.
    openai_chat_model: str = "gpt-4o-mini"

    #: Engine for transcription: auto, mimo, openai or offline.
    transcriber: str = "auto"
    #: Engine for answers and summaries: auto, mimo, openai or offline.
    answerer: str = "auto"
    #: Engine for speech: auto, mimo, openai or offline.
    synthesizer: str = "auto"

    #: Whether each model gets one tiny request a day, to find out that it still works.
    model_probe: Literal["daily", "off"] = "daily"

    #: Largest file that is read, in megabytes of a million bytes, wherever it comes from. Telegram
    #: itself gives bots no more than 20 MB, unless they have a local Bot API server.
    max_file_mb: Annotated[int, Field(ge=1, le=2000)] = 128

    #: Whether URLs of audio in questions are passed to the engine. The engine's service fetches
    #: them, this program never does.
    allow_urls: bool = False

    #: Folder of the database and the key file.
    hearsay_home: HomePath = Path("~/.hearsay")
    #: Default: SQLite under HEARSAY_HOME.
    database_url: str | None = Field(default=None, repr=False)
    #: Sound outside the database, for several machines: file:///folder, s3://bucket/prefix, gs://
    #: or az://account/container. Credentials are not in it. Default: in the database.
    storage_url: StorageAddress | None = None
    #: Encrypts content at rest; several, comma-separated, for rotation. Default: a 0600 file.
    hearsay_secret_key: SecretStr | None = None
    hearsay_secret_key_file: HomePath | None = None

    web_host: str = "127.0.0.1"
    web_port: int = 8765
    #: Further host names of the page, comma-separated, besides those of this machine.
    web_hosts: IdList = ()
    #: Proxies that name their clients in X-Forwarded-For: addresses or networks, comma-separated.
    trusted_proxies: NetworkList = ()
    #: Password of the page, of at least 12 characters; required if other machines can reach it.
    web_password: SecretStr | None = None
    web_password_file: HomePath | None = None
    #: Password of the operator's view, which is off without it.
    admin_password: SecretStr | None = None
    admin_password_file: HomePath | None = None

    #: API keys for the endpoints under /v1: "name=key", comma-separated. Off without any.
    api_keys: SecretStr | None = None
    api_keys_file: HomePath | None = None
    #: Whether unknown parameters and model names are ignored with a warning instead of refused.
    api_lenient: bool = True
    #: Sites whose pages may use the API from a browser: "https://app.example.org", comma-separated;
    #: "*" = all.
    api_cors_origins: IdList = ()
    #: Requests per minute for each key, None = no limit.
    api_requests_per_minute: PositiveInt | None = None

    #: The most that each person, each group, each API key and the whole bot may use per day and per
    #: month (UTC): "180 min/day, 20 USD/month", or "off". See `core.limits.budgets`.
    budget_person: BudgetText = "180 min/day, 0.5 USD/day, 250 requests/day"
    budget_chat: BudgetText = "360 min/day, 1 USD/day, 500 requests/day"
    budget_key: BudgetText = "360 min/day, 1 USD/day, 1000 requests/day"
    budget_bot: BudgetText = "5 USD/day, 20 USD/month, 5000 requests/day"

    #: Chats, people or Discord servers that may use the bot: ids, comma-separated, of one platform
    #: alone with its name before them: telegram:ID; empty = all. With "ask" others wait until an
    #: operator lets them in.
    allowed_chats: ChatList = ()
    #: Those that may not, whatever else allows them.
    denied_chats: ChatList = ()
    #: Operators, who get alerts and use /admin in their private chat: telegram:ID or discord:ID,
    #: comma-separated, of people who have written to the bot before.
    admin_ids: PersonList = ()
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], UPPER] = "INFO"
    #: Log records as "text" for people or as "json" for programs; "auto": text on a terminal.
    log_format: Annotated[Literal["auto", "text", "json"], LOWER] = "auto"
    #: Collector of OpenTelemetry that gets traces, over HTTP; none without it.
    otel_exporter_otlp_endpoint: Address | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            path = values.get(f"{name}_file")
            if path and not values.get(name):
                values[name] = _read_secret(f"{name}_file".upper(), Path(path).expanduser())
        return values

    @field_validator("telegram_api_base_url")
    @classmethod
    def _end_in_bot(cls, url: str) -> str:
        """Return the address with the word that stands before the token: it is easily left out."""
        url = url.rstrip("/")
        return url if url.endswith("/bot") else f"{url}/bot"

    @field_validator("telegram_file_base_url", mode="before")
    @classmethod
    def _stand_beside_api(cls, url: str, info: ValidationInfo) -> str:
        """Return the address, by default the one that belongs to the Bot API's."""
        # An address of the API that is no address is refused by itself.
        api: str = info.data.get("telegram_api_base_url", _TELEGRAM)
        return url or f"{api.removesuffix('bot')}file/bot"

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        return secret and check_webhook_secret(secret)

    @model_validator(mode="after")
    def _check_webhook(self) -> Self:
        if self.telegram_webhook_url:
            is_own_api = self.telegram_api_base_url != _TELEGRAM
            secret = self.telegram_webhook_secret
            check_webhook(self.telegram_webhook_url, secret, is_own_api=is_own_api)
        return self

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for name in {admin.partition(":")[0] for admin in self.admin_ids}:
            if not getattr(self, f"{name}_bot_token"):
                raise ValueError(f"ADMIN_IDS names {name}, and {name.upper()}_BOT_TOKEN is not set")
        if self.discord_gateway == "off" and not self.discord_public_key:
            raise ValueError("DISCORD_GATEWAY=off needs DISCORD_PUBLIC_KEY")
        if ASK in self.denied_chats:
            raise ValueError("DENIED_CHATS: ask belongs in ALLOWED_CHATS")
        if ASK in self.allowed_chats and not self.admin_ids:
            raise ValueError("ALLOWED_CHATS=ask needs ADMIN_IDS: those who are asked")
        return self

    @property
    def url(self) -> str:
        """The database URL: DATABASE_URL, or SQLite under HEARSAY_HOME."""
        return self.database_url or f"sqlite:///{self.hearsay_home / 'hearsay.db'}"

    @property
    def is_shared(self) -> bool:
        """Whether several processes may share the database."""
        return self.url.startswith("postgresql")

    @property
    def max_file_bytes(self) -> int:
        """Largest file that is read."""
        return self.max_file_mb * 1_000_000

    def secret(self, name: str) -> str | None:
        """Return the plain value of a secret setting."""
        value: SecretStr | None = getattr(self, name)
        return value.get_secret_value() if value else None

    @property
    def api_key_names(self) -> tuple[str, ...]:
        """The names in API_KEYS."""
        listed = (self.secret("api_keys") or "").split(",")
        return tuple(one.partition("=")[0].strip() for one in listed if "=" in one)

    def secrets(self) -> list[str]:
        """Return all secrets, for the log to redact."""
        whole = [value for name in SECRETS if (value := self.secret(name))]
        listed = [part for name in _LISTS for part in _list_secrets(self.secret(name) or "")]
        found = _IN_ADDRESS.search(self.database_url or "")
        in_address = [found[1], unquote(found[1])] if found else []
        return list(dict.fromkeys([*whole, *listed, *in_address]))
