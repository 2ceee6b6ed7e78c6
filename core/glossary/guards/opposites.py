"""Negations, and words that turn a sentence into its opposite, in many languages. Pure.

Words are compared as `core.text.lookalikes.fold` writes them, without accents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.glossary.guards.words import list_disguised, split
from core.text.lookalikes import fold

# English (contractions have a rule of their own), German, Dutch, French, Spanish, Portuguese,
# Italian, Russian, Polish, Turkish, Arabic, Hindi, Korean.
_NEGATIVE_WORDS = """
no not never none nobody nothing nowhere neither nor cannot without nope nah hardly except unless
dont doesnt didnt isnt arent wasnt werent wouldnt shouldnt couldnt cant hasnt havent hadnt aint
mustnt neednt wont yes yeah yep yup aye
nein nicht nichts nie niemals niemand kein keine keinen keinem keiner keines ohne weder ja doch
nee niet niets nooit geen zonder
non ne pas jamais rien aucun aucune sans oui
si nunca jamas nada nadie ningun ninguno ninguna sin tampoco
nao ninguem nenhum nenhuma sem sim
mai niente nessuno nessuna senza neanche
не нет ни никогда никто ничего нельзя без да
nigdy nikt nic bez zaden zadna tak
degil hayir yok asla evet
لا ليس ليست لم لن غير بدون نعم
नही नहीं मत ना हां हाँ
아니 아니요 안 못 없 없다 네 예
"""
#: Negations, and plain consent: none may be added or removed.
_NEGATIONS = frozenset(_NEGATIVE_WORDS.split())
_CONTRACTION = re.compile(r"\w+n't|\w*(?:않|없)\w*|\w+sizlik")
#: Chinese and Japanese characters that negate.
_ZH_NEGATIONS = frozenset("不没沒无無非未勿莫否毋甭弗拒别別")
#: Chinese consent, where it is all that is said.
_ZH_CONSENT = frozenset(
    (
        "是",
        "是的",
        "对",
        "對",
        "对的",
        "好",
        "好的",
        "行",
        "可以",
        "同意",
        "要",
        "会",
        "能",
        "有",
    )
)

#: Words of opposite sense: one side | the other.
_PAIRS = """
accept agree approve confirm allow permit grant consent support permitted accepted admit|refuse \
reject decline deny denied denies disagree disapprove forbid forbidden ban prohibit object oppose \
veto cancel except
can could|unable
always everyone everybody everything all every|some nothing
before|after
more increase rise raise grow gain gains higher|less fewer decrease fall drop reduce lower shrink \
lose lost loss
up|down
in inside|out outside
on|off
open opened|close closed shut
start begin began|stop end finish quit
buy bought|sell sold
win won|lose lost
left|right
true|false untrue
right correct|wrong incorrect
good|bad
safe|dangerous unsafe
guilty|innocent
alive live lives lived living|dead die died dies
friend friends|enemy enemies
positive plus add added|negative minus subtract
pass passed succeed succeeded success|fail failed failure
love like loved liked|hate dislike hated
hire hired employ|fire fired dismiss dismissed
borrow|lend
credit|debit
profit|loss
early earlier|late later
with|without
for|against
hot|cold
old|new young
big large|small little
high|low
cheap|expensive
keep kept|delete deleted remove removed
lock locked|unlock unlocked
encourage|discourage
maximum max most|minimum min least
above over|below under
north|south
east|west
import|export
include included|exclude excluded
ally|enemy
lawful legal|illegal criminal
ja akzeptieren zustimmen erlauben erlaubt|ablehnen verweigern verbieten verboten
immer|nie selten
mehr|weniger
vor|nach
mit|ohne
gut|schlecht
richtig wahr|falsch
kaufen|verkaufen
auf|zu ab
accepter accepte|refuser refuse
toujours|jamais
plus|moins
avant|apres
avec|sans
bon|mauvais
vrai|faux
acheter|vendre
aceptar acepto aceitar aceito|rechazar rechazo recusar recuso negar
siempre sempre|nunca
mas mais|menos
antes prima|despues depois dopo
con com|sin sem senza
accettare accetto|rifiutare rifiuto
più piu|meno
comprar comprare|vender vendere
согласен согласна согласны принять|отказ отказать отказаться против
всегда|никогда
больше|меньше
до|после
с|без
купить|продать
同意 接受 支持 允许 答应 赞成 批准|拒绝 反对 禁止 否认 否决 抵制
可以 能 会|不可以 不能 不会 禁止
有|没 没有 無
是|非 不是 否
买 買|卖 賣
上|下
左|右
前|后 後
多|少
大|小
高|低
开 開|关 關
进 進|出
增 加 增加|减 減 减少
涨 漲|跌
赢 贏|输 輸
对 對|错 錯
真|假
早|晚
先|后 後
男|女
生|死
借|还 還
好|坏 壞
成功|失败
安全|危险
收入|支出
"""
_SIDES = [
    tuple(frozenset(side.split()) for side in line.split("|"))
    for line in _PAIRS.replace("\\\n", "").strip().splitlines()
]
#: Beginnings that turn a word into its opposite: the shortest word that they may stand before.
_NEGATIVE_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "anti", "не")
_SHORTEST_STEM = 4
_ENDINGS = ("", "s", "es", "ed", "d", "ing")


def list_negations(text: str) -> tuple[str, ...]:
    """Return the negations and the plain consent in a text, in order, folded.

    Those that it only seems to have ("n-o-t") come last.
    """
    words = split(fold(text))
    shown = [word for word in words if _is_negation(word)]
    seen = {word for word in list_disguised(text) if _is_negation(word)}
    whole = "".join(words)
    consent = [whole] if whole in _ZH_CONSENT else []
    return (*shown, *consent, *sorted(seen - {*words}))


def are_opposites(one: str, other: str) -> bool:
    """Return True if a word of one text is replaced by its opposite in the other."""
    left, right = _list_units(one), _list_units(other)
    only_left, only_right = left - right, right - left
    for sides in _SIDES:
        for first, second in (sides, sides[::-1]):
            if only_left & first and only_right & second:
                return True
    return any(_negates(a, b) or _negates(b, a) for a in only_left for b in only_right)


def _is_negation(word: str) -> bool:
    return word in _NEGATIONS or word in _ZH_NEGATIONS or bool(_CONTRACTION.fullmatch(word))


def _list_units(text: str) -> set[str]:
    """Return the words of a text without endings, and Chinese words of two and three characters."""
    words = [*split(fold(text)), *list_disguised(text)]
    units = {base for word in words for base in _list_bases(word)}
    joined = "".join(split(fold(text)))
    return units | {joined[at : at + n] for n in (2, 3) for at in range(len(joined) - n + 1)}


def _list_bases(word: str) -> Iterator[str]:
    for ending in _ENDINGS:
        base = word.removesuffix(ending)
        if word.endswith(ending) and (not ending or len(base) > 2):
            yield base
            yield f"{base}e"


def _negates(word: str, base: str) -> bool:
    """Return True if `word` is `base` with a beginning or an ending that negates it."""
    if len(base) < _SHORTEST_STEM:
        return False
    if any(word == prefix + base for prefix in _NEGATIVE_PREFIXES):
        return True
    stem = base.removesuffix("ful")
    return word == f"{stem}less"
