"""The operator's view: how the program is, what waits, what failed, and what it costs."""

from bots.web_chat.operator.api import OperatorApi, OperatorDoor

__all__ = ["OperatorApi", "OperatorDoor"]
