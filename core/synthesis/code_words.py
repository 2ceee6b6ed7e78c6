"""Words of the code in a spoken consent: common, distinct by sound, without homophones.

Recognisers write each of them in one way only. Chinese words have two characters, and no two of
them sound alike.
"""

from __future__ import annotations

import secrets

from core.text.scripts import guess_language

#: How many of them a code has: 60 words make 36 thousand million codes.
COUNT = 6

_ENGLISH = (
    "apple banana basket bicycle blanket bottle butter button camera candle carpet castle "
    "chicken coffee cotton dinner doctor dragon elephant engine family farmer finger forest "
    "garden guitar hammer honey island jacket kitchen lemon library market monkey mountain "
    "mushroom ocean orange painter pencil pepper penguin pillow potato pumpkin purple rabbit "
    "river rocket silver spider summer table tiger tomato umbrella village window yellow"
)
_CHINESE = (
    "苹果 草莓 西瓜 葡萄 咖啡 牛奶 面包 鸡蛋 米饭 蜂蜜 花园 窗户 桌子 椅子 沙发 厨房 毛巾 雨伞 "
    "铅笔 书包 电脑 手表 钢琴 篮球 足球 飞机 地铁 轮船 马路 学校 医院 银行 超市 邮局 城堡 森林 "
    "草原 沙漠 海洋 瀑布 彩虹 月亮 太阳 雪花 春天 夏天 冬天 老虎 大象 熊猫 兔子 猴子 蝴蝶 蜻蜓 "
    "红色 绿色 黄色 老师 农民 姐姐"
)
_RUSSIAN = (
    "яблоко банан корзина велосипед одеяло бутылка пуговица кнопка камера свеча автобус дворец "
    "курица капуста хлопок завтрак доктор дракон слоник мотор семья фермер палец дерево огород "
    "гитара молоток варенье остров куртка кухня лимон книга рынок обезьяна вершина грибы океан "
    "апельсин художник карандаш перец пингвин подушка картошка тыква кролик речка ракета серебро "
    "паутина лето столик тигр помидор зонтик деревня окошко собака школа"
)
#: By language; a sentence in any other one has English words.
_WORDS = {"zh": _CHINESE, "ru": _RUSSIAN, "en": _ENGLISH}


def make_code(sentence: str) -> str:
    """Return the words of a new code in the language of the sentence that they are said in."""
    words = _WORDS[guess_language(sentence)].split()
    return " ".join(secrets.SystemRandom().sample(words, COUNT))
