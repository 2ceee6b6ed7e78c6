"""Coverage-guided fuzzing of what reads bytes from outside: `python -m tests.fuzzing`.

A target is a module here with two functions: `seeds` yields inputs to begin with, `check` raises
an error for each input about which the program breaks a promise.
"""

#: Modules of this package.
TARGETS = ("media", "messages", "engines", "texts")
