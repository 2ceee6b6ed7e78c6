"""Names of MiMo's models, as gateways write them too."""

from __future__ import annotations

import pytest

from core.text.mimo_names import find_mimo, is_listed, list_successors, swap_mimo


@pytest.mark.parametrize(
    ("name", "model_id", "successors"),
    [
        ("mimo-v2.6-flash", "mimo-v2.6-flash", ()),
        ("mimo-v2-omni", "mimo-v2-omni", ("mimo-v2.5", "mimo-v2.6-flash")),
        ("xiaomi/mimo-v2-tts", "mimo-v2-tts", ("xiaomi/mimo-v2.5-tts",)),
        ("a.b/c-d/mimo-v2.5-pro[1m]", "mimo-v2.5-pro", ("a.b/c-d/mimo-v2.6-pro[1m]",)),
        *((name, None, ()) for name in ("XiaomiMiMo/MiMo-V2.5-ASR", "mimo-audio", "auto")),
    ],
)
def test_mimo_names_are_parsed(
    name: str, model_id: str | None, successors: tuple[str, ...]
) -> None:
    assert (find_mimo(name), list_successors(name)) == (model_id, successors)


def test_large_contexts_are_not_listed_apart() -> None:
    assert swap_mimo("xiaomi/mimo-v2.5-tts[1m]", "mimo-v3") == "xiaomi/mimo-v3"
    assert swap_mimo("tts-1", "mimo-v3") == "mimo-v3"
    assert is_listed("a[1m]", {"a"}) and is_listed("a[1m]", {"a[1m]"}) and is_listed("a", {"a"})
    assert not is_listed("a", {"a[1m]"}) and not is_listed("b[1m]", {"a"})
