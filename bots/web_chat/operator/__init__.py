"""The operator's view: health, queue, failures and usage."""

from bots.web_chat.operator.api import OperatorApi

__all__ = ["OperatorApi"]
