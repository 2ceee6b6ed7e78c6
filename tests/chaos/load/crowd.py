"""People of a virtual Telegram who send notes, and how long their answers take."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chaos.load.systems import System
from tests.chaos.notes import read_number
from tests.emulators.mimo import RecordedRequest as Call
from tests.emulators.telegram.traffic import RecordedRequest


@dataclass(frozen=True, slots=True)
class Sent:
    """A note, when it was sent, and which number it has."""

    chat: int
    message: int
    number: int
    at_s: float


@dataclass
class Crowd:
    """People in private chats and groups, and the notes that they have sent."""

    system: System
    people: list[int] = field(default_factory=list)
    #: Group -> its member.
    groups: dict[int, int] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    async def gather(self, private: int, groups: int) -> None:
        """Add people with private chats, and groups that want everything transcribed."""
        telegram = self.system.telegram
        for number in range(private):
            self.people.append(telegram.add_user(f"Person {number}"))
        for number in range(groups):
            member = telegram.add_user(f"Member {number}")
            group = telegram.add_chat("supergroup", members={member: "creator"})
            await self.system.enable_auto(group)
            self.groups[group] = member

    @property
    def chats(self) -> list[int]:
        """All chats; groups are spread over them."""
        chats, groups = list(self.people), list(self.groups)
        for place, group in enumerate(groups):
            chats.insert(place * (len(chats) + 1) // len(groups), group)
        return chats

    def send(self, chat: int, number: int, sound: bytes) -> Sent:
        """Send a note to a chat."""
        telegram = self.system.telegram
        at_s = telegram.world.clock.monotonic()
        message = telegram.send_voice(chat, self.groups.get(chat, chat), sound, duration=2)
        self.sent.append(Sent(chat, message, number, at_s))
        return self.sent[-1]

    def faults(self, sent: Collection[Sent]) -> Counter[str]:
        """Return how many of the notes were lost, doubled, mixed up, or answered out of order."""
        found: Counter[str] = Counter()
        firsts: defaultdict[int, list[int]] = defaultdict(list)
        for one in sent:
            shown = self.system.telegram.replies_to(one.chat, one.message)
            found["lost"] += not shown
            found["repeated"] += max(0, len(shown) - 1)
            found["wrong"] += any(read_number(answer.text) != one.number for answer in shown)
            firsts[one.chat] += [answer.message_id for answer in shown[:1]]
        for answers in firsts.values():
            found["out of order"] += sum(a > b for a, b in pairwise(answers))
        return +found

    def times(self, sent: Collection[Sent]) -> Times:
        """Return how long each answer took."""
        requests = index(self.system.telegram.requests)
        signs = find_signs(self.system.telegram.requests)
        calls: defaultdict[int | None, list[Call]] = defaultdict(list)
        for call in self.system.mimo.requests:
            calls[read_number(call.text)].append(call)
        times = Times()
        for one in sent:
            for answer in self.system.telegram.replies_to(one.chat, one.message)[:1]:
                shown = requests[one.chat, answer.message_id]
                last_s = shown[-1].received_at
                first_s = next(at for at in signs[one.chat] if at >= one.at_s)
                call_s = find_call_s(calls[one.number], one.at_s, last_s)
                times.first_s.append(first_s - one.at_s)
                times.whole_s.append(last_s - one.at_s)
                times.own_s.append(last_s - one.at_s - call_s)
        return times


@dataclass
class Times:
    """Seconds from notes to their answers."""

    #: Until something was shown, if only that the bot is typing.
    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    #: Without the speech service's own time.
    own_s: list[float] = field(default_factory=list)


def index(requests: Iterable[RecordedRequest]) -> Mapping[tuple[int, int], list[RecordedRequest]]:
    """Return the requests that sent or edited each message, the earliest first."""
    found: defaultdict[tuple[int, int], list[RecordedRequest]] = defaultdict(list)
    for one in requests:
        is_sent = one.status == 200 and one.method.startswith(("send", "edit"))
        if is_sent and one.chat_id is not None and one.message_id is not None:
            found[one.chat_id or 0, one.message_id or 0].append(one)
    return found


def find_signs(requests: Iterable[RecordedRequest]) -> Mapping[int, list[float]]:
    """Return when something was shown in each chat."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for one in requests:
        if one.chat_id is not None and one.method.startswith(("send", "edit", "set")):
            found[one.chat_id].append(one.received_at)
    return found


def find_call_s(calls: Iterable[Call], from_s: float, until_s: float) -> float:
    """Return how long the last of these calls took that began and ended within this time."""
    took = [
        call.ended_at_s - call.started_at_s
        for call in calls
        if call.ended_at_s is not None and from_s <= call.started_at_s <= until_s
    ]
    return took[-1] if took else 0.0


def percentile(values: list[float], share: float) -> float:
    """Return a percentile, such as 0.95."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]
