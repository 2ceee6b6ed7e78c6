"""What no lasting correction may do: change amounts, addresses or the sense; and limits."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.glossary.rules import (
    ADDRESS,
    ALPHABETS,
    AMOUNT,
    MAX_CORRECTIONS,
    MAX_PER_PERSON,
    OPPOSITE,
    check,
    check_words,
    find_foreign,
)
from core.models import Correction


def refusal(heard: str, meant: str) -> str:
    """Return why a correction is refused, "" if it is not."""
    try:
        check_words(Correction(heard, meant))
    except UserError as error:
        assert error.values == {"heard": heard, "meant": meant}
        return error.user_text
    return ""


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("Kovalsky", "Kowalski"), ("Kuber Netties", "Kubernetes"), ("harbour", "harbor"),
        ("王小明", "王晓明"), ("Meier", "Meyer"), ("Lee", "Leigh"), ("Ant", "Anne"),
        ("Windos 11", "Windows 11"), ("the fifteen of June ish", "the fifteen of June-ish"),
        ("Sean", "Shawn"), ("see sharp", "C#"), ("node js", "Node.js"), ("TCPIP", "TCP/IP"),
        ("Ковальски", "Ковальский"), ("Kovalsky", "Ковальский"), ("in", "Inn"), ("me mo", "MiMo"),
        ("mister Kovalsky", "Mr Kowalski"), ("Leeds", "Leads"), ("Oto", "Otto"),
        ("no Kovalsky", "no Kowalski"), ("sie ping", "Xi Jinping"), ("路小姐", "陆小姐"),
        ("a weak", "a week"), ("Dan", "Den"), ("Marko", "Marco"), ("Nam", "Tam"), ("دوست", "دست"),
        ("She", "Xi"), ("fi", "vi"), ("days", "day"), ("foot", "food"), ("田中さん", "田仲さん"),
        ("Dot Meier", "Dot Meyer"), ("at this point", "at that point"), ("A. 王", "A. 黄"),
        ("point of few", "point of view"), ("light", "delight"), ("tail", "detail"),
        ("own", "Owen"), ("sending", "ending"),
        ("gelmedim", "gelmedik"), ("Amadi", "Ahmadi"), ("田中", "田仲"), ("winner", "Wiener"),
        ("Mahlzeit", "Mahlzeit!"), ("Elfride", "Elfriede"), ("Trend", "Trento"),
    ],
)  # fmt: skip
def test_names_and_terms_are_corrected(heard: str, meant: str) -> None:
    assert refusal(heard, meant) == ""


AMOUNTS = [
    ("fifteen", "fifty"), ("15", "50"), ("fifteen", "15"), ("for", "four"), ("hi", "1"),
    ("twenty-five", "twenty-nine"), ("1.5", "15"), ("1.5", "1,5"), ("-5", "5"), ("Ada", "Ada 2"),
    ("Monday", "Tuesday"), ("May", "June"), ("tomorrow", "today"), ("five pm", "five am"),
    ("dollars", "euros"), ("$", "€"), ("milligram", "gram"), ("Louis XIV", "Louis XVI"),
    ("twice", "once"), ("third", "fourth"), ("half", "double"), ("DE89 3704", "DE89 3705"),
    ("+44 20 7946 0958", "+44 20 7946 0959"), ("Kovalsky", "DE89370400440532013000"),
    ("十五", "五十"), ("三", "四"), ("一千", "一万"), ("三月", "三日"), ("今天", "明天"),
    ("fünfzehn", "fünfzig"), ("fünfundzwanzig", "neunundzwanzig"), ("Montag", "Dienstag"),
    ("quinze", "cinquante"), ("quince", "cincuenta"), ("ventitré", "ventisei"),
    ("dezesseis", "dezessete"), ("vijftien", "vijftig"), ("пятнадцать", "пятьдесят"),
    ("сто", "двести"), ("piętnaście", "pięćdziesiąt"), ("onbeş elli", "onbeş kırk"),
    ("열다섯", "쉰"), ("خمسة", "خمسون"), ("पंद्रह", "पचास"),
    ("days", "weeks"), ("two months", "two years"), ("miles", "feet"), ("weekly", "monthly"),
    ("morning", "evening"), ("metres", "kilometres"), ("iv", "vi"), ("Henry V", "Henry X"),
    ("Iv", "Ix"), ("for", "iv"), ("eighth", "tenth"), ("월요일에", "화요일에"),
    ("الأحد", "الاثنين"),
    ("بالأحد", "والاثنين"), ("غدا", "أمس"), ("ثلاثمئة", "خمسمئة"), ("सोमवार", "मंगलवार"),
    ("কাল সোমবার", "কাল মঙ্গলবার"), ("pazartesi", "salı"), ("poniedziałek", "wtorek"),
    ("w poniedziałku", "w wtorku"), ("maandag", "dinsdag"), ("fevereiro", "março"),
    ("segunda-feira", "terça-feira"), ("じゅうご", "ごじゅう"), ("ジュウゴ", "ゴジュウ"),
    ("ひとつ", "ふたつ"), ("两天", "两周"), ("5小时", "5分钟"), ("二時間", "二週間"),
    ("นาที", "ชั่วโมง"),
    ("สิบห้า", "ห้าสิบ"), ("femton", "femtio"), ("lima belas", "lima puluh"), ("πέντε", "δέκα"),
    ("п'ятнадцять", "п'ятдесят"), ("חמש", "עשר"), ("måndagen", "tisdagen"),
    # disguised
    ("hi", "１５"), ("hi", "١٥"), ("hi", "①"), ("hi", "½"), ("hi", "Ⅳ"), ("hi", "𝟏𝟓"),
    ("hi", "f\u200bifteen"), ("hi", "f\u00adifteen"), ("hi", "fif-teen"), ("hi", "fif teen"),
    ("hi", "f i f t e e n"), ("hi", "ｆｉｆｔｙ"), ("hi", "𝐟𝐢𝐟𝐭𝐲"), ("hi", "fi\u0336fty"),
    ("hi", "ѕіх"), ("hi", "ﬁfteen"), ("hi", "1\ufe0f\u20e3 a"), ("hi", "ᴛᴇɴ"), ("hi", "🅃🄴🄽"),
]  # fmt: skip


@pytest.mark.parametrize(("heard", "meant"), AMOUNTS)
def test_numbers_dates_and_amounts_stay(heard: str, meant: str) -> None:
    assert refusal(heard, meant) == refusal(meant, heard) == AMOUNT


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("the bank", "bank.com"), ("the bank", "https://bank"), ("mail", "ada@example.org"),
        ("Ada", "@ada"), ("Ada", "＠ada"), ("our group", "t.me/evil"), ("host", "localhost"),
        ("the end", "evil dot com"), ("the end", "evil punkt de"), ("the end", "恶意点com"),
        ("a", "evil．com"), ("a", "evil。com"), ("a", "e\u200bvil.c\u2060om"),
        ("Ada", "ada_lovelace"),
        ("a", "#general"), ("a", "u/ada"), ("a", "discord.gg/x"),
        ("bank", "b．ank.com"), ("the bank", "evil dot xyz"), ("the bank", "bit dot ly slash abc"),
        ("the bank", "ada at example dot ch"), ("x", "t me slash evil"), ("x", "evil (dot) biz"),
        ("x", "evil.中国"), ("x", "evil。中国"), ("x", "evil dot онлайн"), ("x", "恶意.公司"),
        ("x", "evil punto xyz"), ("x", "恶意点中国"), ("x", "evil.한국"), ("x", "evil.москва"),
        ("x", "t me 斜杠 evil"),
    ],
)  # fmt: skip
def test_addresses_stay(heard: str, meant: str) -> None:
    assert refusal(heard, meant) == refusal(meant, heard) == ADDRESS


OPPOSITES = [
    ("not", "now"), ("can", "can't"), ("can", "can’t"), ("can", "cannot"), ("yes", "no"),
    ("accept", "refuse"), ("accepted", "refused"), ("I agree", "I disagree"), ("guess", "yes"),
    ("legal", "illegal"), ("hopeful", "hopeless"), ("possible", "impossible"), ("no", "know"),
    ("always", "never"), ("before", "after"), ("buy", "sell"), ("do", "don't"), ("well", "won't"),
    ("do", "dont"), ("increase", "decrease"), ("with Ada", "without Ada"), ("left", "right"),
    ("不同意", "同意"), ("接受", "拒绝"), ("能", "不能"), ("买", "卖"), ("是", "不是"),
    ("涨", "跌"),
    ("没有来", "有来"), ("允许", "禁止"), ("别走", "走"),
    ("ja", "nein"), ("mit", "ohne"), ("ein Haus", "kein Haus"), ("oui", "non"), ("sí", "no"),
    ("sempre", "nunca"), ("да", "нет"), ("знаю", "не знаю"), ("tak", "nie"), ("evet", "hayır"),
    ("better", "worse"), ("best", "worst"), ("benign", "malignant"), ("acquitted", "convicted"),
    ("often", "rarely"), ("understood", "misunderstood"), ("activate", "deactivate"),
    ("normal", "abnormal"), ("last week", "next week"), ("I will", "I will barely"),
    ("stimme zu", "lehne ab"), ("zu", "ab"), ("auf", "zu"), ("genehmigt", "abgelehnt"),
    ("gewonnen", "verloren"), ("verstanden", "missverstanden"), ("ich will", "ich will kaum"),
    ("gagné", "perdu"), ("aprobado", "rechazado"), ("approvato", "respinto"),
    ("выиграл", "проиграл"), ("阳性", "阴性"), ("陽性", "陰性"), ("胜诉", "败诉"),
    ("合格", "不合格"),
    ("합격", "불합격"), ("찬성합니다", "반대합니다"), ("قبل", "رفض"), ("स्वीकार", "अस्वीकार"),
    ("istiyorum", "istemiyorum"), ("geldi", "gelmedi"), ("行きます", "行きません"),
    ("行く", "行かない"), ("はい", "いいえ"), ("vill", "vill inte"), ("vil", "vil ikke"),
    ("chci", "nechci"), ("ano", "ne"), ("θέλω", "δεν θέλω"), ("ναι", "όχι"), ("כן", "לא"),
    ("muốn", "không muốn"), ("mau", "tidak mau"), ("vreau", "nu vreau"), ("igen", "nem"),
    ("kyllä", "ei"), ("می‌خواهم", "نمی‌خواهم"), ("بله", "نه"), ("ใช่", "ไม่ใช่"), ("так", "ні"),
    ("نعم", "لا"), ("हाँ", "नहीं"), ("예", "아니요"), ("wel", "niet"), ("sim", "não"),
    # disguised
    ("now", "n\u200bot"), ("now", "ｎｏｔ"), ("now", "n-o-t"), ("now", "n.o.t"), ("now", "𝗻𝗼𝘁"),
    ("now", "no\u0335t"), ("now", "ɴᴏᴛ"), ("now", "nev er"), ("now", "N\u034fO"), ("now", "УЕЅ"),
    ("now", "🄽🄾"), ("去", "不\ufe0f去"),
]  # fmt: skip


@pytest.mark.parametrize(("heard", "meant"), OPPOSITES)
def test_the_sense_stays(heard: str, meant: str) -> None:
    assert refusal(heard, meant) == refusal(meant, heard) == OPPOSITE


@pytest.mark.parametrize("meant", ["fiftееn", "nоt", "Kоwalski", "ΑBC", "ꓠꓳ"])
def test_letters_of_two_alphabets_are_not_mixed(meant: str) -> None:
    assert refusal("Kovalsky", meant) == ALPHABETS


@given(
    pair=st.sampled_from([*AMOUNTS, *OPPOSITES]),
    hidden=st.lists(
        st.tuples(
            st.integers(0, 20), st.sampled_from("\u200b\u200d\u2060\u00ad\ufe0f\u180e\u2064")
        ),
        max_size=4,
    ),
    form=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
)
def test_no_invisible_character_helps(
    pair: tuple[str, str], hidden: list[tuple[int, str]], form: str
) -> None:
    heard, meant = pair
    meant = unicodedata.normalize(form, meant)  # type: ignore[arg-type]
    for at, character in hidden:
        meant = meant[:at] + character + meant[at:]
    assert refusal(heard, meant)


def made(person_id: str, count: int, first: int = 0) -> tuple[Correction, ...]:
    letters = [chr(ord("a") + n) for n in range(26)]
    words = [a + b + "k" for a in letters for b in letters][first : first + count]
    return tuple(Correction(f"{word}q", f"{word}z", person_id) for word in words)


def test_each_person_and_each_chat_have_a_limit() -> None:
    mine = made("7", MAX_PER_PERSON)
    check((), mine, "7")
    with pytest.raises(UserError, match="You have made"):
        check(mine, (*mine, Correction("Kovalsky", "Kowalski", "7")), "7")
    check(mine, (*mine, Correction("Kovalsky", "Kowalski", "8")), "8")
    all_of_it = tuple(
        one for n in range(4) for one in made(str(n), MAX_CORRECTIONS // 4, n * MAX_PER_PERSON)
    )
    with pytest.raises(UserError, match="This chat has"):
        check(all_of_it, (*all_of_it, Correction("Kovalsky", "Kowalski", "8")), "8")
    # What is there may be changed and removed.
    check(all_of_it, all_of_it[1:], "8")
    changed = Correction(all_of_it[0].heard, "Kowalski", "0")
    check(all_of_it, (*all_of_it[1:], changed), "0")


def test_corrections_of_others_are_known() -> None:
    before = (Correction("a", "b", "7"), Correction("c", "d", "8"))
    assert find_foreign(before, before, "7") is None
    assert find_foreign(before, before[1:], "7") is None
    assert find_foreign(before, before[:1], "7") == before[1]
    assert find_foreign((Correction("a", "b"),), (), "7") == Correction("a", "b")
