"""The checks of `hearsay doctor`, in the order in which they run."""

from __future__ import annotations

from bots.doctor import (
    access_checks,
    database_checks,
    engine_checks,
    key_checks,
    machine_checks,
    platform_checks,
    sound_checks,
    web_checks,
)
from bots.doctor.results import SETTINGS_CURE, Check, CheckRun, Result, fail
from bots.exit_codes import STORE, exit_code_of
from core.errors import AssistantError, ConfigError

_PATIENCE_CURE = "Try again later. If it stays so, check the address and the network."
#: Name -> check; the clock comes after the services that it is compared with.
CHECKS: dict[str, Check] = {
    "home": machine_checks.check_home,
    "modes": key_checks.check_modes,
    "user": machine_checks.check_user,
    "packages": machine_checks.check_packages,
    "disk": machine_checks.check_disk,
    "sqlite": database_checks.check_sqlite,
    "database": database_checks.check_database,
    "storage": database_checks.check_storage,
    "key": key_checks.check_key,
    "access": access_checks.check_access,
    "limits": access_checks.check_limits,
    "secrets": access_checks.check_secrets,
    "names": machine_checks.check_names,
    "engine": engine_checks.check_engine,
    "telegram": platform_checks.check_telegram,
    "discord": platform_checks.check_discord,
    "groups": platform_checks.check_groups,
    "mimo": engine_checks.check_mimo,
    "openai": engine_checks.check_openai,
    "clock": machine_checks.check_clock,
    "offline": sound_checks.check_offline,
    "sound": sound_checks.check_audio,
    "sandbox": sound_checks.check_sandbox,
    "page": web_checks.check_page,
    "api": web_checks.check_api,
}


async def run_check(name: str, run: CheckRun) -> Result:
    """Return the result of one check; an error that stops it is a failure as well."""
    try:
        return await CHECKS[name](run)
    except AssistantError as error:
        return fail(str(error), _find_cure(error), exit_code_of(error))
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}", "Check its owner and mode.", STORE)


def _find_cure(error: AssistantError) -> str:
    """Return what to do about an error that no check knows better."""
    if isinstance(error, ConfigError):
        return SETTINGS_CURE
    return _PATIENCE_CURE if error.is_retryable else "The log of the program may say more."
