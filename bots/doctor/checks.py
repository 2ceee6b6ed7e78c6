"""What `hearsay doctor` looks at: one small function each, and the table that lists them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from bots.discord_bot.check import ask_account as ask_discord
from bots.doctor.results import Check, CheckRun, Result, fail, ok, warn
from bots.doctor.web_checks import check_api, check_page
from bots.exit_codes import CONFIG, LOCKED, OTHER, STORE, code_of
from bots.telegram_bot.check import ask_account
from core.audio import Media
from core.engines import Engines
from core.engines import check as engines
from core.engines.wire.models import is_listed
from core.engines.wire.speech import make_silence
from core.errors import AssistantError, ConfigError, EngineLocked, PlatformLocked
from core.store import make_cipher
from core.store.database import check as database

_MB = 2**20
_FEW_BYTES, _LOW_BYTES = 100 * _MB, 1024 * _MB
#: Older ones may corrupt a database in WAL mode that has several connections.
_GOOD_SQLITE = (3, 51, 3)
_MAX_SKEW_S = 60.0
#: Permissions of anybody but the owner.
_OTHERS = 0o077
_TOKEN_CURE = "Copy the token from @BotFather into TELEGRAM_BOT_TOKEN again."
_DISCORD_CURE = "Copy the token from discord.com/developers/applications, under Bot."
_INTENT_CURE = (
    "Switch on the Message Content intent at discord.com/developers/applications, under Bot."
)
_KEY_CURE = (
    "Check MIMO_API_KEY and MIMO_BASE_URL: keys that begin with sk- belong to"
    " https://api.xiaomimimo.com/v1, those with tp- to the token plan's address of their own"
    " region (token-plan-cn, -sgp or -ams)."
)


async def check_home(visit: CheckRun) -> Result:
    """See that HEARSAY_HOME can be used, or made."""
    home = visit.settings.hearsay_home
    place = _existing(home)
    if not place.is_dir():
        cure = "Set HEARSAY_HOME to a folder."
        return fail(f"{place} is no folder", cure, CONFIG)
    try:
        # Only a try tells: root may do all by its rights, but not on every file system.
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        cure = "Let this user write there, or set HEARSAY_HOME to another folder."
        return fail(f"{place} cannot be written to: {error.strerror}", cure, CONFIG)
    return ok(f"{home}" if home.exists() else f"{home} will be made at the first start")


async def check_modes(visit: CheckRun) -> Result:
    """See that nobody else can read what is kept."""
    home = visit.settings.hearsay_home
    key = home / "secret.key"
    if key.exists() and key.stat().st_mode & _OTHERS:
        cure = f"Run: chmod 600 {key}"
        return fail("others on this machine may read the key of the database", cure, CONFIG)
    if home.exists() and home.stat().st_mode & _OTHERS:
        return warn(f"others on this machine may look into {home}", f"Run: chmod 700 {home}")
    return ok("only this user can read the files")


async def check_disk(visit: CheckRun) -> Result:
    """See that there is room for the database."""
    free = shutil.disk_usage(_existing(visit.settings.hearsay_home)).free
    text = f"{free // _MB} MB free"
    cure = "Make room on the disk that holds HEARSAY_HOME."
    if free < _FEW_BYTES:
        return fail(text, cure, STORE)
    return warn(text, cure) if free < _LOW_BYTES else ok(text)


async def check_sqlite(visit: CheckRun) -> Result:
    """See that SQLite is free of a known bug."""
    if not visit.settings.url.startswith("sqlite"):
        return ok("not used")
    if sqlite3.sqlite_version_info < _GOOD_SQLITE:
        text = f"{sqlite3.sqlite_version} is older than 3.51.3, which mends a rare corruption"
        return warn(text, "Use a Python with a newer SQLite when there is one; keep backups.")
    return ok(sqlite3.sqlite_version)


async def check_database(visit: CheckRun) -> Result:
    """See that the database can be opened, is whole, and has the form this program expects."""
    found = await database.examine(visit.settings.url)
    if found.damage:
        cure = "Stop the bot, keep a copy of the file, and restore a backup."
        return fail(f"the database is damaged: {found.damage}", cure, STORE)
    if not found.is_there:
        return ok("will be made at the first start")
    if found.schema == "newer":
        text = "the database is newer than this program"
        return fail(text, "Install the version of hearsay that it was last used with.", STORE)
    if found.schema == "old":
        return warn("the database has an older form", "The next start, or hearsay migrate, does it")
    return ok("whole and up to date")


async def check_key(visit: CheckRun) -> Result:
    """See that the key opens what the database holds."""
    settings = visit.settings
    if not (await database.examine(settings.url)).is_there:
        return ok("there is nothing to open yet")
    secret = settings.secret("hearsay_secret_key")
    if not secret and not (settings.hearsay_home / "secret.key").exists():
        cure = "Put the file secret.key back into HEARSAY_HOME, or set HEARSAY_SECRET_KEY."
        return fail("the database is there, its key is not", cure, CONFIG)
    cipher = make_cipher(secret, settings.hearsay_home)
    try:
        has_content = await database.has_content(settings.url, cipher)
    except ConfigError as error:
        cure = "Set the key that the database was made with; to rotate keys list both, new first."
        return fail(str(error), cure, CONFIG)
    return ok("opens the database" if has_content else "there is nothing to open yet")


async def check_telegram(visit: CheckRun) -> Result:
    """See that the token is good and that updates can be polled."""
    if visit.settings.telegram_bot_token is None:
        return ok("not set up: TELEGRAM_BOT_TOKEN is empty")
    try:
        account = await ask_account(visit.settings)
    except PlatformLocked:
        return fail("Telegram does not take the token", _TOKEN_CURE, LOCKED)
    visit.note_clock("Telegram", engines.read_date(account.date))
    name = f"@{account.username}"
    if account.has_webhook:
        cure = "Another program may use this token. If none does, call deleteWebhook with it."
        return fail(f"{name} has a webhook, so messages cannot be fetched", cure, LOCKED)
    groups = "hears all of a group"
    if not account.can_read_groups:
        # Not a mistake: as admin of a group it gets everything in spite of it.
        groups = "privacy mode is on: in groups it sees commands and answers to it, unless admin"
    return ok(f"{name}, {account.pending} waiting; {groups}")


async def check_discord(visit: CheckRun) -> Result:
    """See that the token is good, and that the gateway will let us in."""
    if visit.settings.discord_bot_token is None:
        return ok("not set up: DISCORD_BOT_TOKEN is empty")
    try:
        account = await ask_discord(visit.settings)
    except PlatformLocked:
        return fail("Discord does not take the token", _DISCORD_CURE, LOCKED)
    visit.note_clock("Discord", engines.read_date(account.date))
    if not account.can_read:
        return fail(f"{account.name} may not read messages", _INTENT_CURE, CONFIG)
    if account.remaining < account.shards:
        cure = "It starts too often: stop it until tomorrow and look into its log."
        return fail(f"{account.name} has no session starts left today", cure, OTHER)
    return ok(f"{account.name}, {account.shards} connection(s)")


async def check_engine(visit: CheckRun) -> Result:
    """See that the engines that are to hear, to understand and to speak are set up."""
    built = Engines(visit.settings)
    try:
        transcriber, answerer = built.transcriber(), built.answerer()
        synthesizer = built.synthesizer()
    finally:
        await built.close()
    hears = f"{transcriber.name} hears ({transcriber.model})"
    if engines.can_understand(answerer.name):
        hears += f", {answerer.name} understands ({answerer.model})"
    else:
        hears += ", nothing understands: questions are answered with extracts"
    if not engines.can_speak(synthesizer.name):
        cure = "Run: apt install espeak-ng, or: pip install 'hearsay-bot[offline-speech]'"
        return warn(f"{hears}, nothing speaks", cure)
    return ok(f"{hears}, {synthesizer.name} speaks ({synthesizer.model})")


async def check_mimo(visit: CheckRun) -> Result:
    """See that MiMo takes the key and has the models."""
    settings = visit.settings
    if settings.mimo_api_key is None:
        return ok("not set up: MIMO_API_KEY is empty")
    try:
        service = await engines.ask_mimo(settings)
    except EngineLocked as error:
        return fail(f"MiMo does not let us in: {error}", _KEY_CURE, LOCKED)
    visit.note_clock("MiMo", service.server_at)
    has: list[str] = []
    for role in engines.list_roles(settings):
        living = role.find(service.models)
        if living is not None:
            has.append(living)
            continue
        lacks = f"does not list {' or '.join(role.wanted)}"
        cure = f"Set {role.setting} to auto or to a model that {role.does} from MiMo's list."
        if not has:
            return fail(f"MiMo {lacks}", cure, CONFIG)
        return warn(f"has {', '.join(has)}, but {lacks}", cure)
    return ok(f"takes the key and has {', '.join(has)}")


async def check_openai(visit: CheckRun) -> Result:
    """See that the OpenAI-style server answers; not all of them list their models."""
    settings = visit.settings
    if settings.openai_base_url is None:
        return ok("not set up: OPENAI_BASE_URL is empty")
    try:
        service = await engines.ask_openai(settings)
    except EngineLocked as error:
        return fail(f"the server does not let us in: {error}", "Check OPENAI_API_KEY.", LOCKED)
    names = ("openai_asr_model", "openai_chat_model", "openai_tts_model")
    wanted = {name.upper(): getattr(settings, name) for name in names}
    missing = {
        name: model for name, model in wanted.items() if not is_listed(model, service.models)
    }
    if missing:
        text = f"answers, but does not list {', '.join(missing.values())}"
        return warn(text, f"Check {', '.join(missing)}.")
    return ok(f"has {', '.join(wanted.values())}")


async def check_clock(visit: CheckRun) -> Result:
    """See that our clock agrees with those of the services that answered."""
    if not visit.skews_s:
        return ok("no service to compare it with")
    service, skew_s = max(visit.skews_s.items(), key=lambda item: abs(item[1]))
    if abs(skew_s) > _MAX_SKEW_S:
        text = f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead'}"
        cure = "Let it be set from the network (NTP)."
        return fail(f"{text} of {service}'s", cure, OTHER)
    return ok(f"agrees with {service}'s")


async def check_offline(visit: CheckRun) -> Result:
    """See that the offline engine loads and answers: silence has no words."""
    try:
        words = await engines.hear_silence(visit.settings)
    except AssistantError as error:
        cure = "Install hearsay again: pocketsphinx or its model is missing."
        return fail(f"the offline engine does not work: {error}", cure, OTHER)
    return ok("loads and answers") if not words else warn("hears words in silence", "Report this.")


async def check_sound(visit: CheckRun) -> Result:
    """See that sound is read and written: silence to OGG and back again."""
    media = Media(workers=1)
    silence = make_silence(1.0)
    try:
        ogg = await media.convert(silence.data, "ogg")
        back = await media.convert(ogg.data, "wav")
    except AssistantError as error:
        cure = "Install hearsay again: PyAV does not work here."
        return fail(f"sound cannot be read: {error}", cure, OTHER)
    finally:
        await media.close()
    if abs(back.duration_s - silence.duration_s) > 0.2:
        return fail("sound changes its length when it is read", "Report this.", OTHER)
    return ok("OGG is written and read")


#: Name and check, in the order in which they run; the clock comes after those it compares with.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("home", check_home),
    ("modes", check_modes),
    ("disk", check_disk),
    ("sqlite", check_sqlite),
    ("database", check_database),
    ("key", check_key),
    ("engine", check_engine),
    ("telegram", check_telegram),
    ("discord", check_discord),
    ("mimo", check_mimo),
    ("openai", check_openai),
    ("clock", check_clock),
    ("offline", check_offline),
    ("sound", check_sound),
    ("page", check_page),
    ("api", check_api),
)


async def run_check(check: Check, visit: CheckRun) -> Result:
    """Run one check; what it cannot look at is a failure as well."""
    try:
        return await check(visit)
    except AssistantError as error:
        cure = "See above, or try again later." if error.is_retryable else ""
        return fail(str(error), cure, code_of(error))
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}", "Check its owner and mode.", STORE)


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next(p for p in (path, *path.parents) if p.exists())
