"""Whatever is done to a backup's file, it is refused unless it is as it was written."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AssistantError, ConfigError
from core.store.backups import sealed_file
from core.store.backups.sealed_file import HEADER_BYTES, TAG_BYTES, DamagedBackup, seal, unseal
from core.store.database.cipher import KeySource, make_key

SIZE = 32
KEY = make_key()
NAME, FIRST = b"database", b"the facts"


class File(io.BytesIO):
    name = "a.backup"


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_file, "PIECE_BYTES", SIZE)
        yield


def make(content: bytes, step: int = 7) -> bytes:
    file = File()
    parts = [content[at : at + step] for at in range(0, len(content), step)]
    seal(file, KEY, NAME, FIRST, parts)
    return file.getvalue()


def read(data: bytes, key: str = KEY) -> list[bytes]:
    return list(unseal(File(data), KeySource("the key", text=key)))


@given(st.binary(min_size=1, max_size=5 * SIZE), st.integers(1, 100))
def test_what_was_written_is_read(content: bytes, step: int) -> None:
    first, *pieces = read(make(content, step))
    assert first == FIRST and b"".join(pieces) == content
    assert {len(piece) for piece in pieces[:-1]} <= {SIZE} and 0 < len(pieces[-1]) <= SIZE


@pytest.fixture(scope="module")
def written() -> bytes:
    return make(bytes(range(4 * SIZE)))


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(written: bytes, at: int, bit: int) -> None:
    changed = bytearray(written)
    changed[at % len(written)] ^= 1 << bit
    with pytest.raises(AssistantError):
        read(bytes(changed))


def test_it_cannot_be_cut_off_anywhere(written: bytes) -> None:
    for size in range(len(written)):
        with pytest.raises(DamagedBackup):
            read(written[:size])


def test_pieces_cannot_be_moved_left_out_repeated_or_added(written: bytes) -> None:
    step, start = SIZE + TAG_BYTES, HEADER_BYTES + len(FIRST) + TAG_BYTES
    head, tail = written[:start], written[start:]
    one, two, *others = (tail[at : at + step] for at in range(0, len(tail), step))
    rest = b"".join(others)
    assert read(head + one + two + rest)
    second = make(bytes(4 * SIZE))[start:]
    for pieces in (two + one + rest, one + rest, one + one + two + rest, one + two):
        with pytest.raises(DamagedBackup):
            read(head + pieces)
    for longer in (written + b"x", written + others[-1], head + second):
        with pytest.raises(DamagedBackup):
            read(longer)


def test_the_same_content_never_looks_the_same() -> None:
    one, other = make(b"words" * 9), make(b"words" * 9)
    assert one[HEADER_BYTES:] != other[HEADER_BYTES:] and b"words" not in one


def test_another_key_is_named(written: bytes) -> None:
    with pytest.raises(
        ConfigError, match=r"a\.backup is encrypted with the key \w{8}, but the key"
    ):
        read(written, make_key())


def test_a_later_format_is_not_tried(written: bytes) -> None:
    with pytest.raises(ConfigError, match="update the program first"):
        read(written.replace(b"backup 1\n", b"backup 2\n", 1))
