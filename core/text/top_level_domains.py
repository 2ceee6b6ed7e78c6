"""Top-level domains of countries and the most used others.

The full list is long and grows. This one only decides whether a bare name such as "example.com"
is an address; links are disabled whether or not a domain is listed here.
"""

from __future__ import annotations

#: ISO 3166 codes in use, with ac, eu, su, uk.
_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs "
    "bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee "
    "eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm "
    "hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb "
    "lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz "
    "na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs "
    "ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl "
    "tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_OTHERS = (
    "aero app asia bar best bid biz blog bot buzz cam cash cat center chat cheap city click cloud "
    "club codes com community company cool coop cyou date dev digital direct download edu email "
    "events expert finance fit fun fund games gift gifts gov group guru help host hosting icu inc "
    "info ink int jobs life link live loan ltd market media men mil mobi moe money monster mov "
    "name net network news ninja one onion online ooo org page party photos pics plus press pro "
    "promo pub quest racing red rent review rocks run sale sbs science services shop show site "
    "social software solutions space store stream studio support surf systems team tech tel tips "
    "today tokyo ton tools top tours town trade travel tube vip wang watch web website wiki win "
    "work works world wtf xin xxx xyz zip zone"
)
#: In other scripts than Latin that have spaces between words.
_NON_LATIN = (
    "рф рус дети москва сайт онлайн орг ком бел укр срб мкд мон бг ею қаз ευ ελ հայ გე ישראל "
    "موقع شبكة عرب مصر السعودية امارات ایران بازار भारत नेट संगठन ভারত বাংলা ไทย"
)
TOP_LEVEL_DOMAINS = frozenset(f"{_COUNTRIES} {_OTHERS} {_NON_LATIN}".split())
