"""Questions about facts: which may be asked so that the lines shown allow one answer, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from clone_agent.day_words import spoken_day
from finetune.base_model.facts import Fact, World, period
from finetune.base_model.scenes import fields, fill
from finetune.base_model.slots import pick, words

_SUBJECTS = {"zh": (("你", 5), ("我", 2), ("", 1)), "en": (("you", 5), ("I", 1))}
_POSSESSIVES = {"you": "your", "I": "my", "": ""}
_NOT_KEYS = frozenset({"S", "P", "holiday", "month"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, what is to be answered, and the words that a right answer holds (empty: it is not to be known)."""

    kind: str  # the asked slot, or "absent"
    text: str
    gold: str
    reply: str = ""  # written once the block is laid (reading.py)


def ask(fact: Fact, shown: Sequence[Fact], world: World, rng: Random) -> Question | None:
    """A question that the lines shown answer by `fact` alone; None where there is none."""
    return _first(fact, shown, world, rng, is_answered=True)


def ask_in_vain(fact: Fact, shown: Sequence[Fact], world: World, rng: Random) -> Question | None:
    """A question about `fact`, which no line shown answers; None where there is none."""
    return _first(fact, shown, world, rng, is_answered=False)


def _first(fact: Fact, shown: Sequence[Fact], world: World, rng: Random, *, is_answered: bool) -> Question | None:
    asked = [fact.replaces] if fact.replaces else [slot for slot in fact.scene.questions if slot in fact.known | {"S", "date"}]
    spoken = period(fact.at, world.now, rng)
    if "date" in asked and rng.random() < 0.5:  # most facts may be asked for their date, few are
        asked.remove("date")
    for slot in rng.sample(asked, k=len(asked)):
        for _ in range(4):
            pattern = pick(rng, fact.scene.questions[slot], held_out=world.new_patterns)
            keys = fields(pattern) - {"P"} | ({"S"} if "P" in fields(pattern) else set())
            subject = _subject(fact, world, rng)
            if not subject:
                keys -= {"S"}
            if _is_askable(keys, slot, fact, spoken) and not any(
                _competes(other, fact, slot, keys) for other in shown if other is not fact
            ):
                text = fill(pattern, _clauses(fact, rng) | spoken | {"S": subject, "P": _POSSESSIVES.get(subject, f"{subject}'s")})
                return Question(
                    kind=slot if is_answered else "absent",
                    text=dress_question(text.strip(), world, rng),
                    gold=_gold(fact, slot, world) if is_answered else "",
                )
    return None


def _is_askable(keys: frozenset[str] | set[str], slot: str, fact: Fact, spoken: dict[str, str]) -> bool:
    """Only by what the line tells; not by the asked slot itself, nor by a day that means another day by now."""
    if slot in keys or "day" in keys or ("holiday" in keys and "holiday" not in spoken):
        return False
    return keys - _NOT_KEYS <= (fact.known | frozenset(fact.scene.slots) if fact.replaces else fact.known)


def _competes(other: Fact, fact: Fact, slot: str, keys: frozenset[str] | set[str]) -> bool:
    """Whether another line might answer the same question with something else."""
    if other.scene is not fact.scene or (fact.replaces and other.values is not fact.values and _is_original(other, fact)):
        return False
    if slot not in other.known | {"S", "date"}:
        return other.replaces in keys and other.actor == fact.actor
    differs = "S" in keys and other.actor != fact.actor
    differs |= any(key in other.known and other.values[key] != fact.values[key] for key in keys - _NOT_KEYS)
    differs |= bool(keys & {"holiday", "month"}) and other.at.month != fact.at.month
    return not differs


def _is_original(other: Fact, fact: Fact) -> bool:
    """Whether `fact` is a later change of `other`."""
    same = all(other.values[name] == value for name, value in fact.values.items() if name != fact.replaces)
    return same and other.actor == fact.actor and other.at <= fact.at and not other.replaces


def _subject(fact: Fact, world: World, rng: Random) -> str:
    if fact.actor != world.owner:
        return fact.actor
    if rng.random() < 0.07:
        return world.owner
    choices, weights = zip(*_SUBJECTS[world.language], strict=True)
    return str(rng.choices(choices, weights)[0])


def _clauses(fact: Fact, rng: Random) -> dict[str, str]:
    """The values as a question says them: of a whole sentence only a stretch."""
    values = dict(fact.values)
    for name, kind in fact.scene.slots.items():
        if kind == "clause":
            values[name] = stretch(values[name], rng)
    return values


def stretch(sentence: str, rng: Random) -> str:
    """A part of a sentence by which one can know it again."""
    if " " in sentence and sentence.isascii():
        parts = sentence.rstrip(".!?").split(" ")
        size = rng.randint(min(3, len(parts)), min(8, len(parts)))
        start = rng.randint(0, len(parts) - size)
        return " ".join(parts[start : start + size])
    text = sentence.strip("。！？!?~…， ")
    size = rng.randint(min(4, len(text)), min(11, len(text)))
    start = rng.randint(0, len(text) - size) if rng.random() < 0.5 else 0
    return text[start : start + size]


def _gold(fact: Fact, slot: str, world: World) -> str:
    match slot:
        case "S":
            return ("我" if world.language == "zh" else "I") if fact.actor == fact.speaker == world.owner else fact.actor
        case "date":
            return spoken_day(fact.at, world.language)
        case "day":
            return fact.day_meant
        case _:
            return fact.values[slot]


def unknown(world: World, rng: Random) -> str:
    """A way to say that one does not remember."""
    return rng.choice(words("unknown", world.language))


def dress_question(text: str, world: World, rng: Random) -> str:
    """A question as it is typed."""
    if world.language == "en":
        text = text[0].upper() + text[1:] if rng.random() < 0.5 else text
        return text + rng.choice(("?", "?", ""))
    form = rng.random()
    if form < 0.12:
        text = rng.choice(words("opening", "zh")) + text
    elif form < 0.2:
        text += rng.choice(("来着", "啊", "呀", "呢"))
    return text + rng.choice(("", "", "？", "?"))
