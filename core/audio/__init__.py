"""Sound: what is read, cut, levelled and written. The only home of pydub and av."""
