"""The operator's view: how the program is, what waits, what failed, and what it costs."""

from bots.web_chat.operator.api import OperatorApi

__all__ = ["OperatorApi"]
