"""Signatures of requests that Discord sends: Ed25519 over the timestamp and the body. Pure.

Source: Discord, "Interactions Overview", Setting Up an Endpoint. Now and then Discord sends invalid
ones on purpose, and removes an endpoint that takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.datastructures import Headers

#: How old a request may be, so that one that somebody has recorded is not taken later.
MAX_AGE_S = 300
#: How far ahead of this machine's clock Discord's may be.
MAX_AHEAD_S = 60

_SIGNATURE, _TIMESTAMP = re.compile(r"[0-9a-fA-F]{128}"), re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """What the headers of a request hold."""

    signature: bytes
    #: Seconds since 1970, as sent: it is a part of what is signed.
    timestamp: str

    def is_recent(self, now_s: float) -> bool:
        """Return whether the request was signed in the last minutes."""
        return now_s - MAX_AGE_S <= int(self.timestamp) <= now_s + MAX_AHEAD_S


def read_signature(headers: Headers) -> RequestSignature | None:
    """Return the signature in the headers of a request, None if there is none or more than one."""
    signatures = headers.getlist("x-signature-ed25519")
    timestamps = headers.getlist("x-signature-timestamp")
    if len(signatures) != 1 or len(timestamps) != 1:
        return None
    signature, timestamp = signatures[0], timestamps[0]
    if not (_SIGNATURE.fullmatch(signature) and _TIMESTAMP.fullmatch(timestamp)):
        return None
    return RequestSignature(bytes.fromhex(signature), timestamp)


class SignatureVerifier:
    """Verifies signatures with the public key of the application, 64 hexadecimal digits."""

    def __init__(self, public_key: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))

    def is_valid(self, signed: RequestSignature, body: bytes) -> bool:
        """Return whether Discord has signed this body with this timestamp."""
        try:
            self._key.verify(signed.signature, signed.timestamp.encode() + body)
        except InvalidSignature:
            return False
        return True
