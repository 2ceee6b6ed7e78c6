"""Text as it looks to a reader, for comparisons that nobody should be able to trick.

Compatibility forms are normalised (NFKC), what shows nothing is removed, and letters of other
alphabets that look Latin can be read as Latin. For comparisons only: such texts are never shown.
"""

from __future__ import annotations

import re
import unicodedata

#: Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt), and control characters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Accents, strokes and enclosing marks, and the vowel signs of Arabic and Hebrew.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ＇`´", "'"))
#: Latin letters that NFKC leaves as they are.
_LATIN = str.maketrans("ıɩłøđƒɑɡǥħŧʀɪɴᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍᴏᴘꜱᴛᴜᴠᴡʏᴢ", "iilodfagghtrinabcdefghjklmopstuvwyz")
#: Cyrillic and Greek letters that look Latin, the capitals of each alphabet first.
_FOREIGN = str.maketrans(
    "АВЕКМНОРСТУХЅІЈԚԜаеорсухѕіјԁԛԝһӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧονικραυ",
    "ABEKMHOPCTYXSIJQWaeopcyxsijdqwhlvABEZHIKMNOPTYXovikpau",
)
#: Letters in squares and circles: where an alphabet of them begins.
_BLOCKS = (0x1F130, 0x1F150, 0x1F170)
_BOXED = {start + n: chr(ord("A") + n) for start in _BLOCKS for n in range(26)}
#: Alphabets, by the first word of a letter's name in Unicode, that look Latin in part or wholly.
_SIMILAR = frozenset({"CYRILLIC", "GREEK", "ARMENIAN"})
_EXOTIC = frozenset({"LISU", "CHEROKEE", "COPTIC", "DESERET", "GOTHIC", "OLD", "OSAGE"})


def normalize(text: str) -> str:
    """Return `text` in Unicode's compatibility form (NFKC), without what shows nothing."""
    text = text.translate(_APOSTROPHES).translate(_BOXED)
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)))


def fold(text: str) -> str:
    """Return `text` without case, accents, invisible characters and compatibility forms."""
    return _fold(normalize(text))


def fold_as_latin(text: str) -> str:
    """Return the same with each letter that looks Latin as that letter."""
    return _fold(normalize(text).translate(_FOREIGN))


def mixes_alphabets(text: str) -> bool:
    """Return True if a word has letters of two alphabets that look alike, or of an exotic one."""
    for word in re.findall(r"[^\W\d_]+", normalize(text)):
        names = {unicodedata.name(letter, "").split(" ")[0] for letter in word}
        if names & _EXOTIC or len(names & (_SIMILAR | {"LATIN"})) > 1:
            return True
    return False


def _fold(text: str) -> str:
    # Composed again, for Korean and Japanese consist of parts now.
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", plain.translate(_LATIN).casefold()).translate(_LATIN)
