"""Sound outside the database: encrypted objects in a folder or a bucket, for several machines.

Used where STORAGE_URL is set; without it all of this stands in rows, and none of these modules is
loaded. What moves is what is large, and what machines hand to each other: recordings that only we
have, those under way and those decoded in advance, synthesized speech, the files of replies with
the archives of /export, and the samples of saved voices. The rows stay, with all that is written
about the sound. Text stays in them, too: it is small, it is searched, and it changes in the same
commit as what it belongs to. So does the loudness over time that players show, at most 256 bytes.

An object is written before the row that refers to it is committed, and deleted after the row is:
a crash leaves an object without a row, which a sweep finds, and never a row without an object.
"""
