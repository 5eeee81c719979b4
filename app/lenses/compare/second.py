"""What differs between an experiment and a second one, and the links that lead to a comparison.

A is the experiment of the link, B the second one: A with the knobs that keys with `vs_` set.
Changes are those of a link: key → value, None for a key's default.
"""

from typing import Any, NamedTuple

from app.keys import control, words
from app.knobs import Experiment
from app.links import plain
from app.presets import PRESETS, SET_BY_PRESETS, next_seed
from app.view import COMPARED, OF_A_LENGTH_OF_THEIR_OWN, Focus
from lstm_engine import CELLS, Cell

Changes = dict[str, Any]
AS_IN_A: Changes = {f"vs_{key}": None for key in COMPARED}
NO_EFFECT = "without effect"


class Difference(NamedTuple):
    """One knob of B's own: what it is called, its value in A and in B as one says it."""

    key: str
    label: str
    a: str
    b: str


def differences(first: Experiment, second: Experiment, focus: Focus) -> tuple[Difference, ...]:
    """Every knob that makes B another experiment than A."""
    return tuple(
        told
        for key in own(focus)
        if (told := difference(key, first, second)).a != told.b and told.b != NO_EFFECT
    )


def idle(first: Experiment, second: Experiment, focus: Focus) -> tuple[Difference, ...]:
    """Knobs that the link sets for B without making it another experiment."""
    found = {told.key for told in differences(first, second, focus)}
    return tuple(difference(key, first, second) for key in own(focus) if key not in found)


def own(focus: Focus) -> tuple[str, ...]:
    """The knobs that the link sets for B."""
    return tuple(key for key in COMPARED if getattr(focus, f"vs_{key}") is not None)


def difference(key: str, first: Experiment, second: Experiment) -> Difference:
    """One knob in both experiments, named after B's cell."""
    label, _ = words(key, second.cell)
    alone, beside = control(key), control(f"vs_{key}")
    if alone and beside and label == alone.label:
        label = beside.label
    return Difference(key, label, value_in(first, key), value_in(second, key))


def value_in(experiment: Experiment, key: str) -> str:
    """A knob's value as one says it: an LSTM by its title, −2 with its sign."""
    if key in experiment.unused():
        return NO_EFFECT
    declared = control(key)
    assert declared is not None
    value = plain(getattr(experiment, key))
    return declared.names.get(value, value.replace("-", "−"))


def in_place_of(differing: tuple[Difference, ...]) -> str:
    """What was changed, at the start of a sentence: "With b_f = 5 in the place of 1"."""
    if len(differing) > 2:
        return f"With {len(differing)} knobs changed"
    return "With " + " and ".join(map(phrase, differing))


def phrase(told: Difference) -> str:
    """One difference within a sentence."""
    if told.key == "cell":
        return f"{with_article(told.b)} in the place of {with_article(told.a)}"
    if told.key == "trained":
        return "networks as they were drawn in the place of trained ones"
    if told.a == NO_EFFECT:
        return f"{told.key} = {told.b}"
    if told.key == "seed":
        return f"seed {told.b} in the place of seed {told.a}"
    return f"{told.key} = {told.b} in the place of {told.a}"


def with_article(title: str) -> str:
    """A cell's title within a sentence: an LSTM, a GRU."""
    return f"an {title}" if title.startswith("LSTM") else f"a {title}"


class Offer(NamedTuple):
    """A comparison worth a look: its name, what it is, and the changes of the link."""

    name: str
    meaning: str
    changes: Changes


def offers(first: Experiment) -> dict[str, tuple[Offer, ...]]:
    """Well-chosen second experiments for A, by kind: each of them once, and none that is A."""
    one_thing, cells = one_thing_changed(first), other_cells(first)
    offered = [offer.changes for offer in (*one_thing, *cells)]
    starts = (offer for offer in other_starts(first) if offer.changes not in offered)
    return {
        "One thing changed": tuple(one_thing),
        "Another start": tuple(starts),
        "Another cell": tuple(cells),
    }


def one_thing_changed(first: Experiment) -> list[Offer]:
    """B is A but for one knob, where that knob has an effect."""
    gate = CELLS[first.cell].GATES.get("f", "").partition(" gate")[0].capitalize()
    bias, twice = (0.0 if first.b_f == 5 else 5.0), min(10.0, 2 * first.gain)
    wanted: list[tuple[str, str, str, Any]] = [
        (
            f"{gate} bias {bias:.0f}",
            f"{gate.lower()} gates that stay " + ("almost open" if bias else "half open"),
            "b_f",
            bias,
        ),
        ("No recurrence", "recurrent gain 0: only the carry is left", "gain", 0.0),
        ("Twice the recurrent weights", "stronger detours", "gain", twice),
        ("Half the units", "a narrower network", "H", max(1, first.H // 2)),
        ("Silence", "the networks read nothing but zeros", "signal", "zeros"),
        ("Another seed", "the same setting, other random draws", "seed", next_seed(first.seed)),
    ]
    unused = first.unused()
    return [
        Offer(name, meaning, AS_IN_A | {f"vs_{key}": value})
        for name, meaning, key, value in wanted
        if key not in unused and getattr(first, key) != value
    ]


def other_starts(first: Experiment) -> list[Offer]:
    """B is A under a preset; presets of one knob are offered as that."""
    return [
        Offer(preset.name, preset.meaning, changes)
        for preset in PRESETS
        if preset.name not in ("Forget bias 5", "No recurrence")
        and preset.applies(first.cell)
        and (changes := AS_IN_A | changed(first, preset.of(first), SET_BY_PRESETS)) != AS_IN_A
    ]


def changed(first: Experiment, second: Experiment, keys: tuple[str, ...]) -> Changes:
    """What to set for B, out of some knobs, so that it is `second` where A is `first`."""
    unused = second.unused()
    return {
        f"vs_{key}": getattr(second, key)
        for key in keys
        if getattr(second, key) != getattr(first, key) and key not in unused
    }


def other_cells(first: Experiment) -> list[Offer]:
    """B is A with another gated cell."""
    return [
        Offer(cell.TITLE, made_of(cell), AS_IN_A | {"vs_cell": name})
        for name, cell in CELLS.items()
        if name != first.cell
    ]


def made_of(cell: Cell) -> str:
    """What gates a cell has, in words."""
    gates = [gate.partition(",")[0] for gate in cell.GATES.values()]
    return ", ".join(gates[:-1]) + " and " + gates[-1]


def adopted(second: Experiment) -> Changes:
    """The changes after which B is the experiment, and nothing else is."""
    return AS_IN_A | {key: value for key, value in second if key != "v"}


def swapped(first: Experiment, second: Experiment) -> Changes | None:
    """The changes after which A is B and B is A; None where B cannot be A.

    One's own text or numbers belong to the experiment alone, for they set its length.
    """
    if first.signal in OF_A_LENGTH_OF_THEIR_OWN and second.signal != first.signal:
        return None
    return adopted(second) | changed(second, first, COMPARED)
