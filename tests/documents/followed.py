"""Which test or program follows each block of the documents.

Document -> how a block begins -> who follows it: path::function. "## Heading" stands for the steps
of a recipe, all blocks of Python and all changes under that heading. Whoever is named asks
`tests.documents.blocks` for its blocks; tests/documents/test_blocks.py finds what nobody follows.
"""

from __future__ import annotations

_COMMAND_LINE = "tests/documents/test_command_line.py"
_CONTRIBUTING = "tests/documents/test_contributing.py"
_DEPLOYING = "tests/documents/test_deploying.py"
_DOCUMENTS = "tests/documents/test_documents.py"
_KEEPING = "tests/documents/test_keeping.py"
_PROXIES = "tests/documents/test_proxies.py"
_RECIPES = "tests/documents/test_recipes.py"
_TRANSLATING = "tests/documents/test_translating.py"
_LANGUAGE = f"{_TRANSLATING}::test_a_language_is_one_catalogue_one_file_and_one_word"
_WATCHING = "tests/documents/test_watching.py"
#: A picture: there is nothing to run.
PICTURE = "a picture"

FOLLOWED: dict[str, dict[str, str]] = {
    "ARCHITECTURE.md": {
        "flowchart LR": PICTURE,
        "jobs\n": f"{_DOCUMENTS}::test_the_architecture_lists_the_layers",
    },
    "CONTRIBUTING.md": {
        "make test ": f"{_CONTRIBUTING}::test_the_commands_do_what_they_say",
        "async def test_a_reminder": f"{_CONTRIBUTING}::test_the_example_passes",
        "## Add a command": f"{_RECIPES}::test_a_command_answers_and_is_listed_in_help",
        "## Add an engine": f"{_RECIPES}::test_an_engine_is_used_for_its_role_alone",
        "## Add a platform": f"{_RECIPES}::test_a_platform_is_started_and_takes_messages",
    },
    "README.md": {"make run ": "tests/bare_roots.py::try_system"},
    "docs/api.md": {
        "URL=": "tests/openai_api/test_document.py::test_each_command_runs_as_written",
        ".venv/bin/hearsay transcribe": f"{_COMMAND_LINE}::test_the_command_line",
    },
    "docs/deploying.md": {
        "make release": "tests/bare_roots.py::install_package",
        "install -d": "tests/systemd_root.py::follow",
        "systemd-run": "tests/systemd_root.py::follow",
        "docker compose -f": f"{_DEPLOYING}::test_compose_takes_the_arguments",
        "docker compose --env-file": f"{_DEPLOYING}::test_compose_takes_the_arguments",
        "kubectl": f"{_DEPLOYING}::test_helm_and_kubectl_take_the_arguments",
    },
    "docs/keeping.md": {
        ".venv/bin/hearsay backup  ": f"{_KEEPING}::test_the_steps_lead_where_they_say",
        "15 3 * * *": f"{_KEEPING}::test_cron_makes_a_backup",
        "[Service]": f"{_KEEPING}::test_systemd_takes_the_units",
        "[Timer]": f"{_KEEPING}::test_systemd_takes_the_units",
        ".venv/bin/hearsay restore": f"{_KEEPING}::test_the_steps_lead_where_they_say",
        ".venv/bin/hearsay pause": f"{_KEEPING}::test_the_steps_lead_where_they_say",
        "[Journal]": f"{_KEEPING}::test_the_journal_has_these_settings",
        "/var/log/hearsay.log": f"{_KEEPING}::test_logrotate_takes_it",
        ".venv/bin/hearsay keys": f"{_KEEPING}::test_the_steps_lead_where_they_say",
    },
    "docs/operations.md": {
        "make doctor": f"{_COMMAND_LINE}::test_the_command_line",
        "# or ids and ask": f"{_PROXIES}::test_settings_of_access_are_understood",
        "# required as soon": f"{_PROXIES}::test_the_page_answers_behind_caddy",
        "hearsay.example.org {": f"{_PROXIES}::test_the_page_answers_behind_caddy",
        "# /telegram/webhook": f"{_PROXIES}::test_the_webhook_alone_is_behind_caddy",
        "bot.example.org {": f"{_PROXIES}::test_the_webhook_alone_is_behind_caddy",
        "location =": f"{_PROXIES}::test_the_webhook_alone_is_behind_nginx",
        ".venv/bin/hearsay run": f"{_COMMAND_LINE}::test_the_parts_run",
    },
    "docs/translating.md": {
        "-LANGUAGES": _LANGUAGE,
        "make texts": _LANGUAGE,
        ".venv/bin/pytest": _LANGUAGE,
        "#: core": f"{_TRANSLATING}::test_the_example_is_an_entry_of_the_catalogue",
    },
    "docs/watching.md": {
        ".venv/bin/hearsay health": f"{_WATCHING}::test_health_is_asked",
        "HEALTHCHECK": f"{_WATCHING}::test_the_image_asks_for_health_in_this_way",
        "livenessProbe": f"{_WATCHING}::test_the_chart_has_these_probes",
        "promtool": f"{_WATCHING}::test_promtool_finds_no_mistake",
        "journalctl": f"{_WATCHING}::test_a_job_is_found_in_the_log",
        ".venv/bin/pip": f"{_WATCHING}::test_traces_reach_the_collector",
        "OTEL_": f"{_WATCHING}::test_traces_reach_the_collector",
        ".venv/bin/hearsay support-bundle": f"{_WATCHING}::test_a_bundle_is_written",
    },
}
