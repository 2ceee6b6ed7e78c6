"""The types of settings that are more than a text or a number, and what they must look like."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from core.models import check_listed, check_person, parse_budget

#: Where Telegram's updates arrive on the web server; TELEGRAM_WEBHOOK_URL ends in it.
TELEGRAM_WEBHOOK_PATH = "/telegram/webhook"
#: The ports that Telegram calls, None = that of https. Source: Bot API, "setWebhook".
_WEBHOOK_PORTS = (None, 443, 80, 88, 8443)
#: What Telegram takes as a secret. Source: Bot API, "setWebhook".
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
#: Shorter secrets, and those of fewer different characters, could be guessed.
_MIN_SECRET_CHARS, _MIN_KINDS = 32, 10


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _check_budget(text: str) -> str:
    parse_budget(text)
    return text


def _check_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("must be an address that begins with http:// or https://")
    return url


def _check_storage(url: str) -> str:
    """Return the address of a folder or bucket, which is in no error.

    One with credentials is refused: what follows from settings is shown, such as by doctor.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("file", "s3", "gs", "az"):
        raise ValueError("must begin with file:///, s3://, gs:// or az://")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "must have no credentials: they come from the environment, such as"
            " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if parts.scheme == "file" and (parts.netloc or len(parts.path) < 2):
        raise ValueError("must name a folder: file:///folder")
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError("must name a bucket")
    return url


def _check_key(key: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ValueError("must be 64 hexadecimal digits")
    return key


def _read_network(value: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value, strict=False)
    except ValueError:
        example = "127.0.0.1 or 172.16.0.0/12"
        raise ValueError(f"each must be an address or a network, such as {example}") from None


def _end_in_webhook_path(url: str) -> str:
    """Return the address with the path that the web server has: it need not be written."""
    _check_address(url)
    parts = urlsplit(url)
    if parts.username is not None or "?" in url or "#" in url:
        raise ValueError("must have no user name, no ? and no #")
    url = url.rstrip("/")
    is_whole = url.endswith(TELEGRAM_WEBHOOK_PATH)
    return url if is_whole else f"{url}{TELEGRAM_WEBHOOK_PATH}"


def check_webhook_secret(secret: SecretStr) -> SecretStr:
    """Return the secret. Raises ValueError if Telegram does not take it, or if it is weak."""
    text = secret.get_secret_value()
    if not _WEBHOOK_SECRET.fullmatch(text):
        raise ValueError("may have A-Z, a-z, 0-9, _ and - only, and 256 characters at most")
    if len(text) < _MIN_SECRET_CHARS or len({*text}) < _MIN_KINDS:
        example = "openssl rand -hex 32"
        raise ValueError(f"can be guessed: take {_MIN_SECRET_CHARS} random characters, {example}")
    return secret


def check_webhook(url: str, secret: SecretStr | None, *, is_own_api: bool) -> None:
    """Raise ValueError if Telegram would not use the address, or if anybody could.

    is_own_api: updates come from a Bot API server of one's own, which may call any address.
    """
    if secret is None:
        reason = "without it anybody could send messages in the name of others"
        raise ValueError(f"TELEGRAM_WEBHOOK_URL needs TELEGRAM_WEBHOOK_SECRET: {reason}")
    parts = urlsplit(url)
    if not is_own_api and (parts.scheme != "https" or parts.port not in _WEBHOOK_PORTS):
        raise ValueError(
            "TELEGRAM_WEBHOOK_URL must begin with https://, and its port be 443, 80, 88 or 8443:"
            " Telegram calls no others"
        )


#: An address that ends in TELEGRAM_WEBHOOK_PATH.
WebhookAddress = Annotated[str, AfterValidator(_end_in_webhook_path)]

#: Case and spaces around a word do not matter.
LOWER = BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value)
UPPER = BeforeValidator(lambda value: value.strip().upper() if isinstance(value, str) else value)


def _expand_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # as for users that systemd makes for a service
        raise ValueError("this user has no home folder: set HEARSAY_HOME to a folder") from None


#: A path that may begin with ~, which nothing expands in a `.env` file.
HomePath = Annotated[Path, AfterValidator(_expand_home)]
Address = Annotated[str, AfterValidator(_check_address)]
#: Where sound is kept outside the database: file:///, s3://, gs:// or az://.
StorageAddress = Annotated[str, AfterValidator(_check_storage)]
#: The public key of a Discord application.
PublicKey = Annotated[str, LOWER, AfterValidator(_check_key)]
IdList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
#: What `core.models.parse_budget` reads.
BudgetText = Annotated[str, AfterValidator(_check_budget)]
#: A person on a platform where bots can start private chats.
Person = Annotated[str, LOWER, AfterValidator(check_person)]
PersonList = Annotated[tuple[Person, ...], NoDecode, BeforeValidator(_split)]
#: A chat, person or server: "12345" on every platform, "telegram:12345" on one.
ChatId = Annotated[str, LOWER, AfterValidator(check_listed)]
ChatList = Annotated[tuple[ChatId, ...], NoDecode, BeforeValidator(_split)]
#: Addresses of machines; one alone is a network of one.
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_read_network)]
NetworkList = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)]
