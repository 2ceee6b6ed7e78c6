"""Limits: the rates of accounts at engines, and whose call is next."""

from __future__ import annotations

from core.limits.gate import AccountGate as AccountGate
from core.limits.gate import AccountState as AccountState
from core.limits.rates import RateLimit as RateLimit
from core.limits.rates import RateUse as RateUse
