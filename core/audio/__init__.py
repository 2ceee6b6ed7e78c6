"""Sound: what is read, cut, levelled and written. The only home of pydub and av.

Importing this loads neither: what people send is read in child processes. `VoiceSegment`, for
sound that we made ourselves, is in `core.audio.segment`.
"""

from core.audio.media import Media, MediaLimits, Piece

__all__ = ["Media", "MediaLimits", "Piece"]
