"""Automatic entities: the URLs, mentions, commands, hashtags … Telegram detects in plain text.

After TDLib's `find_urls`, `find_mentions`, `find_bot_commands`, `find_hashtags`, `find_cashtags`
and `find_email_addresses`; phone numbers, which Telegram's servers detect, are those with a plus.
Where the real rules are finer (top-level domains, lengths), these detect a little more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_COUNTRIES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv
bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es
et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu
id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt
lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no
np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si
sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk
us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""
_OTHERS = """
academy aero agency app arpa art asia bank bet bio biz blog bot cab cafe careers casa cash cat chat
cheap city click cloud club codes com community company cool coop dance date deals design dev
digital direct earth edu email events exchange expert express fail farm finance fit fun fund game
games gifts global gold google gov green group guide guru help host hosting house icu info ink int
jobs kim land law life limited link live loan lol love ltd market media men mil mobi money mov
movie museum name net network new news ninja one onion online ooo org page party photos pics pink
plus porn press pro promo pub racing red rent report review rocks run sale school science services
sex shop show site ski social software solutions space store stream studio style support surf
systems tech tel tips today tools top tours town trade travel tube video vip wang watch web wiki
win work works world wtf xxx xyz zip zone
"""
_ENDINGS = frozenset((_COUNTRIES + _OTHERS).split())

_LETTER = r"[\w\u200c\u200d]"
_DOMAIN = rf"(?:{_LETTER}(?:[\w\u200c\u200d-]*{_LETTER})?\.)+(?P<ending>[\w-]{{2,}})"
_URL = re.compile(rf"(?:(?i:https?|ftp)://)?(?:[^\s/@]+@)?{_DOMAIN}(?::\d+)?(?:[/?#]\S*)?")
_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)(?::\d+)?(?:[/?#]\S*)?")
_FINDERS = {
    "url": re.compile(r"(?i)(?:tg|ton|tonsite)://[\w-]+\S*"),
    "mention": re.compile(r"(?<!\w)@[A-Za-z0-9_]{2,32}(?!\w)"),
    "bot_command": re.compile(
        r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])"
    ),
    "hashtag": re.compile(r"(?<![\w#])#(?=\d*[^\W\d])[\w\u00b7\u200c]{1,256}(?:@\w{3,32})?"),
    "cashtag": re.compile(r"(?<![\w$])\$[A-Z0-9]{0,7}[A-Z][A-Z0-9]{0,7}(?:@\w{3,32})?(?![\w$])"),
    "email": re.compile(r"[\w.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"),
    "phone_number": re.compile(r"\+(?:[ ().-]{0,2}\d){7,15}(?!\d)"),
}


def find_links(text: str) -> list[tuple[str, str]]:
    """Return (entity type, text) of every automatic entity in a plain text."""
    found = [("url", url) for url in _find_urls(text)]
    for kind, pattern in _FINDERS.items():
        found += [(kind, match.group()) for match in pattern.finditer(text)]
    return found


def _find_urls(text: str) -> Iterator[str]:
    for match in _URL.finditer(text):
        ending = match["ending"].lower()
        is_known = ending in _ENDINGS or ending.startswith("xn--")
        if is_known or (not ending.isascii() and ending.isalpha()):
            yield match.group()
    yield from (match.group() for match in _ADDRESS.finditer(text))
