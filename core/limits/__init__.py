"""Limits: the rates of accounts at engines, and whose call is next."""

from __future__ import annotations

from core.limits.gate import AccountGate as AccountGate
from core.limits.rates import RateLimit as RateLimit
from core.limits.rates import RateUse as RateUse
from core.limits.room import AccountState as AccountState
