"""The files of replies, loaded from where they are stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.locale import mark, translate
from core.models import File, Reply
from core.store.database.objects import SoundGone

if TYPE_CHECKING:
    from core.store.objects.index import ObjectIndex

FILE_GONE = mark("A file of this reply is no longer stored.")


class ReplyFiles:
    """Loads files whose content is outside the database; others have it already."""

    def __init__(self, index: ObjectIndex | None) -> None:
        self._index = index

    async def load(self, file: File) -> File | None:
        """Return a file with its content, None if that is gone. Raises StoreError."""
        if file.data or not file.object_key or self._index is None:
            return file
        try:
            return replace(file, data=await self._index.get(file.object_key))
        except SoundGone:
            return None

    async def load_all(self, reply: Reply, language: str) -> Reply:
        """Return a reply with the content of its files. Raises StoreError.

        language: of the line that says so if one of them is gone.
        """
        loaded = [await self.load(file) for file in reply.files]
        files = tuple(file for file in loaded if file)
        if len(files) < len(loaded):
            text = "\n\n".join(filter(None, (reply.text, translate(FILE_GONE, language))))
            reply = replace(reply, text=text)
        return replace(reply, files=files)
