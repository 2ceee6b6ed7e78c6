"""What counts as a letter, a word and a script without spaces."""

from __future__ import annotations

import re

#: Scripts that set no space between words, as the inside of a class: Chinese and Japanese.
DENSE = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
#: A letter or digit of any other script.
LETTER = rf"[^\W{DENSE}]"

IS_DENSE = re.compile(f"[{DENSE}]")
