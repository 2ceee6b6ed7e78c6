"""Webhook settings, which exclude getUpdates. Updates are not delivered to the URL.

Source: tdlib/telegram-bot-api `Client.cpp`.
"""

from __future__ import annotations

from typing import Any

from tests.emulators.telegram.api import ApiRequest
from tests.emulators.telegram.polling import Poller
from tests.emulators.telegram.updates import UpdateQueue


class Webhook:
    """The webhook's URL, empty if none is set."""

    def __init__(self, queue: UpdateQueue, poller: Poller) -> None:
        self._queue = queue
        self._poller = poller
        self.url = ""

    def set(self, request: ApiRequest) -> bool:
        """Run setWebhook or deleteWebhook; an empty URL removes the webhook."""
        url = request.text("url")
        self._queue.allow(request.json("allowed_updates"))
        self.url = url
        if url:
            self._poller.abort("terminated by setWebhook request")
        return True

    def info(self) -> dict[str, Any]:
        """Run getWebhookInfo."""
        pending = len(self._queue.waiting())
        return {"url": self.url, "has_custom_certificate": False, "pending_update_count": pending}
