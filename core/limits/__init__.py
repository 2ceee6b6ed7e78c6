"""Rate limits: per key, and of the accounts at engines."""

from core.limits.account_gate import AccountGate, AccountState
from core.limits.rate_limit import RateLimit, RateUse

__all__ = ["AccountGate", "AccountState", "RateLimit", "RateUse"]
