"""Word lists that distinguish styles, vocal sounds and ordinary remarks in brackets."""

from __future__ import annotations

import re

from core.text.scripts import HAN


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Vocal sounds.
SOUND = re.compile(
    r"\b(?:(?:laugh|gasp|cough|sob|sigh|sniff|groan|moan|grunt|yawn|gulp|scream|shout|yell|snort"
    r"|hiccup|mumbl|mutter|stutter|sneez|chuckl|giggl|snicker|inhal|exhal|breath|paus|whistl|weep"
    r"|humm|applau|clapp|clear)(?:s|e|es|ed|ing|ter|ping|y|ingly|ily|bing|bed|d|se)?"
    r"|cry|cries|crying|silence|throat|wheez(?:e|es|ing)|pant(?:s|ing)|sniffl(?:e|es|ing)"
    r"|tsk|ahem|achoo)\b"
    r"|(?<![玩搞可好])笑(?![话点料])|哭|叹气|叹息|咳|喘|呼吸|吸气|呼气|屏息|停顿|沉默|哽咽|抽泣|啜泣"
    r"|呜咽|清嗓|哈欠|喷嚏|打嗝|尖叫|大喊|大叫|呻吟|鼓掌|口哨|吸鼻子|抽鼻子",
    re.IGNORECASE,
)

#: Known tones, each a style by itself.
TONES = _words(
    "happy happily sad sadly angry angrily excited excitedly cheerful cheerfully calm calmly gentle"
    " gently soft softly tender tenderly whisper whispers whispering whispered loud loudly quiet"
    " quietly slow slowly fast quick quickly serious seriously nervous nervously scared afraid"
    " fearful terrified shy shyly tired sleepy bored lazy lazily surprised shocked disgusted"
    " disappointed lonely proud proudly confident confidently warm warmly cold coldly friendly"
    " playful playfully teasing sarcastic sarcastically ironic dramatic dramatically energetic"
    " enthusiastic enthusiastically hoarse deep low high magnetic sweet cute husky breathy"
    " childlike"
    " robotic monotone neutral solemn urgently anxious anxiously worried grateful relieved"
    " embarrassed jealous hysterical melancholy nostalgic romantic mysterious wistful cantonese"
    " sichuanese singing sing sings drunk joking joyful joyfully furious furiously rushed"
)
#: Words that may accompany a tone: "very softly", "a bit sad".
MODIFIERS = _words(
    "very a an and bit little slightly more less so really extremely suddenly sudden down up in"
    " long short slow heavy light then almost half with speaking speak talking"
)
#: Last words of a description of a voice: "old man voice".
KINDS = _words("voice tone accent dialect style mood manner pace")

TONE_ZH = re.compile(
    "开心|高兴|快乐|悲伤|难过|伤心|生气|愤怒|激动|兴奋|温柔|温暖|冷漠|冷淡|冷静|平静|紧张|害怕|恐惧|惊讶|惊喜|委屈"
    "|撒娇|严肃|疲惫|慵懒|活泼|深情|低沉|沙哑|磁性|悄悄|耳语|低语|小声|轻声|大声|高声|快速|慢速|加速|减速|变快"
    "|变慢|快一点|慢一点|东北话|四川话|河南话|粤语|广东话|台湾腔|夹子音|方言|俏皮|调皮|害羞|得意|嘲讽|焦急|焦虑"
    "|失望|忧郁|无奈|不耐烦|甜美|可爱|神秘|庄重|热情|唱歌"
    f"|^[{HAN}]{{1,6}}(?:腔|腔调|口音|语气|语调|语速|嗓音|声音|方言|风格)$"
)

#: Words of labels and remarks, which never occur in a style.
LABELS = _words(
    "draft urgent note nb ps edit edited update updated re fwd fw fyi optional important warning"
    " spoiler meme joke translated translation sic ooc image photo picture video audio sticker gif"
    " file link wip todo bug fix fixed solved closed open help question answer ad sponsored live"
    " breaking new news old yes no ok okay sorry thanks thank please btw aka ie eg source info"
    " error debug hint tip example test beta deleted removed hello hi hey lol haha wait also"
    " i you he she it we they my your his her its our their me him us them the a an this that these"
    " those not and or but if as at by for from in of on to with than then when while where why how"
    " what who which is are was were be been will would can could should may might must do does did"
    " has have had just only maybe perhaps still there here all some any"
)
ORDINARY_ZH = re.compile(
    "[我你您他她它们这那哪谁其了吗呢吧有没为被把从到于与或及但]|不是|^(?:注|转|图|译|续|完|附|上|下|左|右|中|一|二|三|四|五"
    "|六|七|八|九|十|甲|乙|丙|是|见|如|例|略|男|女|新|旧)$|注意|备注|转发|转自|转载|图文|图片|照片|视频|语音|来源|原文|节选"
    "|编者|译者|未完|待续|接上|重要|紧急|通知|公告|必读|补充|更新|测试|草稿|内部|原创|完结|全文|已解决|求助|另外|顺便"
    "|例如|比如|括号|表情|链接|文件|置顶|广告|限时|免费|可选|无关|以下|以上|星期|周[一二三四五六日]"
)
