"""The words that people type after /summary, in every language, as patterns of lower-case text.

A line has the words of one language, or of several that need no words of their own. A language
without words here can be used all the same: people type the English ones.
"""

from __future__ import annotations

#: Before a moment, and after one in Chinese: the time since then, not that day alone.
SINCE = (
    r"(?P<since>since |from |after "
    r"|自从? ?|从 ?"
    r"|начиная со? |со? |от |после )?"
)
AFTER = r"(?P<after> ?(?:以来|开始|起|至今))?"
#: Before a number.
LAST = (
    r"(?:the |за )?(?:last |past |previous "
    r"|过去 ?|最近 ?|近 ?|前 ?"
    r"|последн\w{1,3} )?"
)
#: Before a unit without a number.
LAST_ONE = r"(?:the )?(?:last|past) |(?:за )?последн\w{1,3} |за "
AGO = r"(?: ago| назад)?"
UNIT = (
    r"(?P<unit>weeks?\b|w\b|days?\b|d\b|hours?\b|hrs?\b|h\b|minutes?\b|mins?\b|m\b"
    r"|个?小时|个?钟头?|分钟?|天|日|个?星期|周"
    r"|нед(?:ел\w{1,2})?\b|дня\b|дней\b|день\b|дн?\b|сут(?:ки|ок)\b|час(?:а|ов)?\b|ч\b"
    r"|мин(?:ут\w?)?\b)"
)
#: First letter of a unit, without 个 -> minutes, hours, days or weeks.
UNITS = {
    **dict.fromkeys("m分м", "m"),
    **dict.fromkeys("h小钟ч", "h"),
    **dict.fromkeys("d天日дс", "d"),
    **dict.fromkeys("w周星н", "w"),
}
MESSAGES = r"(?:messages?\b|msgs?\b|条 ?(?:消息)?|则|сообщени\w{1,2}\b|\b)"
UNREAD = (
    r"(?:since )?(?:i )?(?:was )?last (?:read|here|seen)\b|unread\b|what i missed\b|missed\b"
    r"|(?:自|从)?(?:我)?上次(?:看|读|阅读)?(?:过)?(?:以来|之后|以后)?|未读|没[看读](?:过)?"
    r"|непрочитанн\w{1,3}\b|пропущенн\w{1,3}\b|что я пропустила?\b"
)
YESTERDAY = r"(?:yesterday\b|昨[天日]|вчера(?:шнего дня)?\b)"
TODAY = r"(?:since )?today\b|今[天日]" + AFTER + r"|(?:за )?сегодня\b|с сегодняшнего дня\b"
THIS_WEEK = (
    r"(?:since )?this week\b|week\b|[本这]周"
    r"|(?:за |на )?эт(?:а|у|ой) недел[яюеи]\b|с начала недели\b|неделя\b"
)
THIS_TOPIC = (
    r"(?:in |of )?(?:this|the) (?:topic|thread)\b|topic\b|[本这该此]个?(?:话题|主题|子区)"
    r"|(?:в )?(?:эт(?:а|у|ой) )?(?:тем[аеу]|ветк[аеу])\b"
)
FROM_HERE = (
    r"(?:from|since) (?:here|this|there)(?: on)?\b|here\b|[从自]?[这此](?:里|儿|处)?"
    + AFTER
    + r"|отсюда\b|с этого (?:сообщения|места)\b"
)
FOR_ME = (
    r"(?:for |to )?me(?: only| alone)?\b|private(?:ly)?\b|私[下聊信]|[发给]给?我|仅我"
    r"|(?:только )?(?:мне|для меня)\b|лично\b"
)
AS_VOICE = r"(?:by |as |in )?voice\b|spoken\b|aloud\b|语音|朗读|голос(?:ом)?\b|вслух\b"
FULL = r"full\b|完整|полностью\b|целиком\b"
SHORT = r"short(?:er)?\b|brief(?:ly)?\b|简[短略]|短|кратк\w{1,3}\b|корот\w{1,4}\b|короче\b"
NORMAL = r"normal\b|medium\b|普通|正常|标准|обычн\w{1,2}\b"
LONG = r"long(?:er)?\b|detailed\b|in detail\b|详细|长|подробн\w{1,3}\b|длинн\w{1,3}\b"
ALL = r"everything\b|all(?: topics)?\b|全部|所有|вс[её]\b"
#: Words without meaning.
FILLERS = (
    r"(?:of|the|and|please|in|for|messages?)\b|请|和|消息"
    r"|(?:и|в|за|из|для|пожалуйста|сообщени\w{1,2})\b"
)
