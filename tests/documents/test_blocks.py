"""Each block of the documents is followed by one test or program, and each of these is there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.documents.blocks import DOCUMENTS, followed_by, read_blocks
from tests.documents.followed import FOLLOWED, PICTURE
from tests.support.paths import ROOT

FOLLOWERS = sorted({who for claims in FOLLOWED.values() for who in claims.values()} - {PICTURE})
HOW = (
    "Let a test follow it, and name both in tests/documents/followed.py: the test takes the fixture"
    " `blocks`, which gives it what the document says."
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_block_is_followed_by_one(document: str) -> None:
    claims = FOLLOWED.get(document, {})
    for block in read_blocks(document):
        keys = [key for key in claims if block.is_meant(key)]
        assert keys, f"{block.place}: nothing follows this block. {HOW}\n{block.text}"
        assert len(keys) == 1, f"{block.place}: several entries stand for it: {keys}"
        is_picture = claims[keys[0]] == PICTURE
        assert is_picture == (block.language == "mermaid"), f"{block.place}: is it a picture?"
    for key in claims:
        found = [block for block in read_blocks(document) if block.is_meant(key)]
        assert found, f"{document} has no block that begins with {key!r}: take it out"
        is_recipe = key.startswith("## ")
        assert is_recipe or len(found) == 1, f"{document}: {key!r} stands for several blocks"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_may_be_copied_for_whatever_reads_them(document: str) -> None:
    """systemd and kubectl take what stands behind a value for a part of it."""
    for block in filter(lambda block: block.is_settings, read_blocks(document)):
        for line in block.text.splitlines():
            assert re.fullmatch(r"#.*|[A-Z_]+=\S*", line), f"{block.place}: {line}"


def test_the_table_names_documents_that_there_are() -> None:
    assert {*FOLLOWED} <= {*DOCUMENTS}


@pytest.mark.parametrize("follower", FOLLOWERS)
def test_whoever_follows_a_block_reads_it(follower: str) -> None:
    path, _, name = follower.partition("::")
    source = (ROOT / path).read_text()
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    functions = [node for node in ast.parse(source).body if isinstance(node, kinds)]
    found = [node for node in functions if node.name == name]
    assert found, f"{path} has no function {name}"
    takes = {argument.arg for argument in found[0].args.args}
    is_read = "blocks" in takes or re.search(rf"followed_by\(\s*f?\"[^\"]*::{name}\"", source)
    assert is_read, f"{follower} does not read its blocks"
    assert followed_by(follower)
