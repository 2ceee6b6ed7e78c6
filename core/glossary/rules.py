"""What no lasting correction may do: it would falsify recordings that nobody has made yet. Pure."""

from __future__ import annotations

import re

from core.errors import UserError
from core.glossary.guards.amounts import changes_amounts
from core.glossary.guards.opposites import are_opposites, list_negations
from core.locale import Plural, mark
from core.models import Correction
from core.safety import find_addresses
from core.text.lookalikes import fold, fold_as_latin, mixes_alphabets

#: A chat's corrections, and those of them that one person made.
MAX_CORRECTIONS = 200
MAX_PER_PERSON = 50

AMOUNT = mark(
    "Not saved: {heard} → {meant}. A correction for later recordings must not add or change "
    "numbers, dates and amounts."
)
ADDRESS = mark(
    "Not saved: {heard} → {meant}. A correction for later recordings must not contain web or "
    "e-mail addresses, or names with @ or #."
)
OPPOSITE = mark(
    "Not saved: {heard} → {meant}. A correction for later recordings must not turn what is said "
    "into its opposite."
)
ALPHABETS = mark(
    "Not saved: {heard} → {meant}. A correction for later recordings must not mix letters of "
    "several alphabets in one word, for they look alike."
)
FULL = mark("This chat has {corrections}, which is the most. Remove one first: /glossary")
FULL_FOR_PERSON = mark(
    "You have made {corrections} in this chat, which is the most. Remove one first: /glossary"
)

#: Ends of host names in other alphabets, and those that are no words where a point is said.
_FOREIGN_ENDS = (
    "рф|онлайн|саит|москва|укр|бел|срб|中国|中國|公司|网络|網絡|网址|網址|在线|商城|香港"
    "|台湾|台灣|한국|닷컴"
)
_ENDS = (
    "com|org|net|io|de|cn|ru|me|gg|info|app|dev|ai|co|uk|fr|es|it|eu|xyz|shop|zip|mov|site|online"
    "|store|club|top|vip|icu|live|link|click|ly|ch|nl|pl|se|cz|fi|dk|tr|br|jp|kr"
)
#: Said or spelled in words: "evil dot xyz", "t me slash evil", "点com". Names with an underscore
#: are names of accounts.
_SPOKEN_ADDRESS = re.compile(
    r"[@#]\s*\w|://|www\W|localhost|\w_\w|(?:^|\s)[ur]/\w"
    r"|\w[\W_]+(?:dot|slash|schragstrich|слэш|слеш)[\W_]+\w|\w\s*斜[杠線线]\s*\w"
    r"|(?:(?<![^\W\d_])(?:dot|punkt|punto|ponto|point|kropka|nokta)[\W_]*|точка\s*|点\s*|點\s*)"
    rf"(?:(?:{_ENDS})(?![^\W\d_])|{_FOREIGN_ENDS})"
    rf"|[a-z0-9][.。](?:{_FOREIGN_ENDS})|\w\.(?=[^\W\d_])[^\u0000-\u024f]"
)
#: Browsers take the Chinese full stop in a host name for a point.
_CHINESE_POINT = re.compile(r"(?<=[a-z0-9])。(?=[a-z0-9])")


def check_words(correction: Correction) -> None:
    """Raise UserError if a correction might falsify what is said in later recordings."""
    heard, meant = correction.heard, correction.meant
    reason = ""
    if mixes_alphabets(meant) or mixes_alphabets(heard):
        reason = ALPHABETS
    elif has_address(heard) or has_address(meant):
        reason = ADDRESS
    elif changes_amounts(heard, meant):
        reason = AMOUNT
    elif list_negations(heard) != list_negations(meant) or are_opposites(heard, meant):
        reason = OPPOSITE
    if reason:
        raise UserError(reason, heard=heard, meant=meant)


def has_address(text: str) -> bool:
    """Return True if a text has an address, a host name, or the name of an account or a channel."""
    for folded in (fold(text), fold_as_latin(text)):
        plain = _CHINESE_POINT.sub(".", folded)
        if _SPOKEN_ADDRESS.search(plain) or find_addresses(plain):
            return True
    return False


def _count(corrections: int) -> Plural:
    return Plural("{count} correction", "{count} corrections", corrections)


def check(before: tuple[Correction, ...], after: tuple[Correction, ...], person_id: str) -> None:
    """Raise UserError if a person may not change a glossary like this, whoever they are."""
    known = {(one.heard, one.meant) for one in before}
    for one in after:
        if (one.heard, one.meant) not in known:
            check_words(one)
    if len(after) <= len(before):
        return
    if len(after) > MAX_CORRECTIONS:
        raise UserError(FULL, corrections=_count(MAX_CORRECTIONS))
    if sum(one.by == person_id for one in after) > MAX_PER_PERSON:
        raise UserError(FULL_FOR_PERSON, corrections=_count(MAX_PER_PERSON))


def find_foreign(
    before: tuple[Correction, ...], after: tuple[Correction, ...], person_id: str
) -> Correction | None:
    """Return a correction that another person made and that `after` changes, lacks or adds."""
    differing = (
        one
        for these, those in ((before, after), (after, before))
        for one in these
        if one not in those
    )
    return next((one for one in differing if one.by != person_id), None)
