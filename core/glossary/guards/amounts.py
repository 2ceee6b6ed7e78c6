"""Numbers, dates and amounts in a few words, in figures and in words of many languages. Pure.

Languages of numbers: English, Chinese, Japanese, German, French, Spanish, Portuguese, Italian,
Dutch, Russian, Polish, Turkish, Korean, Arabic and Hindi; `kinds` has more, with days and units.
Words are compared as `core.text.lookalikes.fold` writes them, without accents.
"""

from __future__ import annotations

import re
import unicodedata

from core.glossary.guards.kinds import has_other_kinds
from core.glossary.guards.words import list_disguised, split
from core.text.lookalikes import fold, normalize
from core.text.scripts import UNSPACED

#: A run without spaces that has a digit of any script: a number, a date, an account, "GPT-4".
_FIGURES = re.compile(rf"[^\s{UNSPACED}]*\d[^\s{UNSPACED}]*")
_EDGES = ".,;:!?()[]{}\"'"
#: Signs of categories that hold numbers and currencies, and a few that Unicode files elsewhere.
_SIGN_CATEGORIES = frozenset({"No", "Nl", "Sc"})
_SIGNS = frozenset("%‰🔟💯")

_ZH_DIGITS = "零〇一二三四五六七八九十百千万萬亿億两兩半廿卅"
#: For cheques. They are also surnames, so that one alone counts for nothing.
_ZH_FORMAL = "壹贰貳叁參肆伍陆陸柒捌玖拾佰仟"
_ZH = re.compile(
    rf"(?:[{_ZH_DIGITS}]|[{_ZH_FORMAL}]{{2,}}|[{_ZH_FORMAL}](?=[{_ZH_DIGITS}元圆]))+"
    r"[年月日号號时時点點分秒元圆块塊角岁歲]?"
    r"|(?:星期|礼拜|禮拜|周|週)[日天末]|[今明昨后後前去][天年日晚早]|[上下中]午|[上下]个?[周月]"
    r"|凌晨|早上|晚上|[美欧日韩港台]元|英镑|人民币|美金|港币|卢布|块钱"
    r"|(?<=[零一二三四五六七八九十百千万萬两兩半几幾数數\d])(?:个|個)?"
    r"(?:天|周|週|世纪|世紀|米|克|斤|公斤|公里|里|吨|噸|升|亩|畝|寸|尺)"
)
#: Japanese numbers in the syllabary. Those of one character, and さん, are other words, too.
_JA_PARTS = (
    "いち|さん|よん|ろく|なな|しち|はち|きゅう|じゅう|[ひびぴ]ゃく|せん|ぜん|まん|おく|に|し|ご|く"
)
_JA = re.compile(
    rf"(?:ひと|ふた|みっ|よっ|いつ|むっ|なな|やっ|ここの)つ|ひとり|ふたり"
    rf"|(?=\w*?(?:いち|よん|ろく|なな|しち|はち|きゅう|じゅう|ゃく))(?:{_JA_PARTS})+"
)
#: Katakana as hiragana.
_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
#: Roman numerals up to 39: longer ones are rather abbreviations, such as CD and MD. The small ones
#: are also words and names: Swedish "vi", Chinese "Xi".
_ROMAN = re.compile(
    r"(?<!\w)(?:(?i:X{1,3}(?:IX|IV|V?I{2,3}|VI|V)|X{2,3}I?|IX|IV|V?I{2,3})|XI|VI)(?!\w)"
)
_SMALL_ROMAN = re.compile(r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})")

_EN = (
    r"(?:zero|nil|nought|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|four?|fif|six|seven|eigh|nine)ty"
    r"|hundred|thousand|[mb]illion|trillion|dozen|half|halves|quarter|double|triple|once|twice"
    r"|first|second|third|fifth|eighth|ninth|twelfth|\w+tieth)(?:s|es|th|ths)?"
)
_DE = (
    r"(?:null|eins|ein(?=und|hundert|tausend)|zwei|zwo|drei|vier|funf|sechs?|sieb(?:en)?|acht|neun"
    r"|zehn|elf|zwolf|zwanzig|dreissig|hundert|tausend|zig|und(?=zwan|drei|vier|funf|se|sieb|acht"
    r"|neun)|million(?:en)?|milliarden?|halb|viertel|dutzend)(?:te[nrms]?|ste[nrms]?|mal)?"
)
_NL = (
    r"(?:nul|twee|drie|vier|vijf|zes|zeven|acht|negen|tien|elf|twaalf|der(?=t)|veer(?=t)|tach(?=t)"
    r"|twintig|tig|honderd|duizend|miljoen|miljard|een(?=en|honderd)|en(?=twin|der|veer|vijf|zes"
    r"|zeven|tach|negen))(?:de|ste)?"
)
_IT = (
    r"(?:zero|due|tre|quattro|quattor|cinque|sette|otto(?=cent|mila)|nove|dieci|dici\w*|undici"
    r"|dodici|tredici|quindici|sedici|vent(?:i|(?=[uo]))|(?:tren|quaran|cinquan|sessan|settan|ottan"
    r"|novan)t(?:a|(?=[uo]))|cento|mille|(?<=\w)mila|milion[ei]|miliard[oi]|(?<=\w)(?:uno|otto|sei)"
    r"|sei(?=cent|mila))"
)
_FR = (
    r"(?:deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize"
    r"|vingt|trente|quarante|cinquante|soixante|septante|huitante|nonante|cent|mille|milliard"
    r"|demi|quart|tiers|premier|premiere)(?:s|ieme|iemes|e)?|\w+ieme"
)
_ES_PT = (
    r"cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince"
    r"|dieci\w+|veint\w+|(?:trei|cuare|cincue|sese|sete|oche|nove)nta|cien(?:to)?|\w+cientos"
    r"|quinientos|mil(?:lon|lones|hao|hoes)?|dois|duas|quatro|sete|oito|nove|dez|doze"
    r"|treze|quatorze|quinze|dez[aeo]\w{4,}|vinte|tri?nta|quarenta|cinquenta|sessenta|setenta"
    r"|oitenta|noventa|cem|cento|\w+centos|meia|primer[oa]|segund[oa]|tercer[oa]"
)
_RU = (
    r"ноль|нуль|один|одн[аоуи]|одного|дв[ае]|двух|двум\w*|три|тре[хм]|тремя|четыр\w+|пят[ьи]|пятью"
    r"|шест[ьи]|шестью|сем[ьи]|семью|восемь|восьми|девят[ьи]|десят[ьи]|\w+надцат\w+|\w*дцат\w+"
    r"|сорока?|\w+десят\w?|девяност[оа]|сто|двести|триста|четыреста|\w+[ьи]сот|тысяч\w*"
    r"|милл?и(?:он|ард)\w*|половин\w+|полтор\w+|перв(?:ыи|ая|ое|ого)|втор(?:ои|ая|ое|ого)|трет\w{2}"
)
_PL_TR = (
    r"jed(?:en|na|no)|dw(?:a|ie|och)|trzy|trzech|cztery|piec|szesc|siedem|osiem|dziewiec|dziesiec"
    r"|\w+nascie|dwadziescia|trzydziesci|czterdziesci|\w+dziesiat|sto|dwiescie|trzysta|tysiac\w*"
    r"|tysiec\w|milion\w*|sifir|iki|uc|dort|bes|alti|yedi|sekiz|dokuz|yirmi|otuz|kirk|elli|altmis"
    r"|yetmis|seksen|doksan|yuz|milyon|milyar"
)
_KO = (
    r"(?:하나|둘|셋|넷|다섯|여섯|일곱|여덟|아홉|열|스물|스무|서른|마흔|쉰|예순|일흔|여든|아흔)\w*"
    r"|[일이삼사오육칠팔구영공십백천만억조]{2,}(?:원|년|월|일|시|분|명|개|번)?"
    r"|[일이삼사오육칠팔구십백천만억](?:원|년|월|시|분|명|개|번)|[삼육칠팔구십백천억]"
)
_AR_HI = (
    "صفر|واحد|اثن(?:ان|ين)|(?:ثلاث|اربع|خمس|ست|سبع|ثمان|تسع)(?:ة|ون|ين|مية|ماية)?|ثمانية"
    "|عشر(?:ة|ون|ين)?|ميتان|ميتين|مية|ماية|الف|الفان|الفين|الاف|مليون|مليار|نصف|ربع"
    "|शून्य|एक|दो|तीन|चार|पांच|पाँच|छह|छः|सात|आठ|नौ|दस|ग्यारह|बारह|तेरह|चौदह|पंद्रह|सोलह|सत्रह|अठारह|उन्नीस"
    "|बीस|तीस|चालीस|पचास|साठ|सत्तर|अस्सी|नब्बे|सौ|हजार|हज़ार|लाख|करोड़|करोड़"
)
_DAYS = (
    "(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august"
    "|september|october|november|december|today|tomorrow|yesterday|tonight|noon|midnight|pm"
    "|(?:mon|diens|donners|frei|sams|sonn)tag\\w*|mittwoch\\w*|januar|februar|marz|mai|juni|juli"
    "|oktober|dezember|heute|morgen|gestern|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    "|janvier|fevrier|avril|juin|juillet|aout|septembre|octobre|novembre|decembre|demain"
    "|lunes|martes|miercoles|jueves|viernes|sabado|domingo|enero|febrero|marzo|abril|mayo|junio"
    "|julio|agosto|septiembre|octubre|noviembre|diciembre|hoy|manana|ayer|(?:lune|marte|mercole"
    "|giove|vener)di|domenica|gennaio|febbraio|maggio|giugno|luglio|settembre|ottobre|dicembre|oggi"
    "|domani|ieri|amanha|ontem|понедельник\\w*|вторник\\w*|сред[ау]|четверг\\w*|пятниц\\w+"
    "|суббот\\w+|воскресень\\w+|январ\\w+|феврал\\w+|апрел\\w+|июн\\w|июл\\w|октябр\\w"
    "|ноябр\\w|декабр\\w|сегодня|завтра|вчера"
)
_UNITS = (
    "dollars?|euros?|pounds?|yuan|rmb|renminbi|yen|rupees?|ro?ubles?|cents?|pence|penny|usd|eur|gbp"
    "|cny|jpy|chf|bitcoins?|per ?cent|prozent|pourcent|рубл\\w+|доллар\\w*|евро|процент\\w*"
    "|(?:milli|micro|kilo|mega|centi)?(?:gram(?:me|m)?|lit(?:er|re)|met(?:er|re)|watt)s?|kilos?"
    "|[mk]g|[kcm]m|ml"
)
#: Number words may be written together: "fünfundzwanzig", "ventitré".
_COMPOUNDS = "|".join(f"(?:{one})+" for one in (_EN, _DE, _NL, _IT, _FR))
_SINGLE = "|".join((_ES_PT, _RU, _PL_TR, _KO, _AR_HI, _DAYS, _UNITS))
_NUMBER_WORD = re.compile(f"{_COMPOUNDS}|{_SINGLE}")


def list_amounts(text: str) -> tuple[str, ...]:
    """Return the numbers, dates and amounts in a text, in order, folded.

    Those that it only seems to have ("fif-teen") come last.
    """
    folded = fold(text)
    figures = [found.strip(_EDGES) for found in _FIGURES.findall(folded)]
    words = [word for word in split(folded) if _NUMBER_WORD.fullmatch(word)]
    seen = {word for word in list_disguised(text) if _NUMBER_WORD.fullmatch(word)}
    kana = _JA.findall(folded.translate(_HIRAGANA))
    shown = [*_list_signs(text), *figures, *words, *_ZH.findall(folded), *kana]
    return (*shown, *sorted(seen - {*words}))


def changes_amounts(before: str, after: str) -> bool:
    """Return True if a text has other numbers, days, units and amounts than the one before."""
    return (
        list_amounts(before) != list_amounts(after)
        or _have_other_numerals(before, after)
        or has_other_kinds(before, after)
    )


def _have_other_numerals(one: str, other: str) -> bool:
    """Return True if both texts have words that can be Roman numerals, but not the same ones."""
    left, right = (
        [word for word in split(fold(text)) if _SMALL_ROMAN.fullmatch(word)]
        for text in (one, other)
    )
    return bool(left and right) and left != right


def _list_signs(text: str) -> list[str]:
    """Return what folding hides: Roman numerals, "①", "½", and signs such as "€"."""
    signs = [
        char for char in text if char in _SIGNS or unicodedata.category(char) in _SIGN_CATEGORIES
    ]
    numerals = _ROMAN.findall(normalize(text))
    return [*(one.casefold() for one in numerals), *signs]
