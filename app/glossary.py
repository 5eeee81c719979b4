"""The glossary: what the page's words mean, and readings in which they lead there."""

import re
from typing import NamedTuple

from markupsafe import Markup, escape


class Entry(NamedTuple):
    """One term: where it stands in the glossary, what it means, what else it is called."""

    anchor: str
    meaning: str
    also: tuple[str, ...] = ()


GLOSSARY: dict[str, Entry] = {
    "bound": Entry(
        "bound",
        "The most that the recurrent weights of the vanilla RNN allow: (γσ₁) to the power of the "
        "lag, with γ the steepest slope of its nonlinearity. Below 1 it proves that gradients "
        "vanish; above 1 it proves nothing.",
    ),
    "carry": Entry(
        "carry",
        "What hands a cell's state on from step to step without crossing recurrent weights: in an "
        "LSTM the forget gate, one number for each unit.",
    ),
    "cell state": Entry(
        "cell-state",
        "What a gated cell keeps for itself, c. The carry hands it on; the rest of the network "
        "sees it only through the read-out.",
    ),
    "chaotic": Entry(
        "chaotic",
        "A run in which a tiny change, even one of rounding, grows exponentially. Its gradients "
        "are right for the states that were computed, but other machines may compute other states.",
        ("chaos",),
    ),
    "chrono": Entry(
        "chrono-initialisation",
        "An initialisation (Tallec & Ollivier 2018) that draws each unit's forget bias for a "
        "memory of its own length, from a few steps up to as many as one chooses.",
        ("chrono initialisation",),
    ),
    "clipping": Entry(
        "clipping",
        "Shortening the gradient of the weights where it has become too long. It tames an "
        "explosion; it cannot bring back what vanished.",
    ),
    "column norm": Entry(
        "column-norm",
        "The length of one column of a Jacobian: how strongly one unit, at one step, moves all of "
        "the last state. It is what one pixel of a map shows.",
    ),
    "detours": Entry(
        "detours",
        "What leaves the carry at least once, out into h, through the recurrent weights into the "
        "gates, and back. Exact is direct plus detours.",
        ("detour",),
    ),
    "direct": Entry(
        "direct",
        "What the carry alone keeps: one path among many. Many textbooks draw it and call it the "
        "gradient.",
        ("direct path", "carry alone"),
    ),
    "exact": Entry(
        "exact",
        "The true derivative of the last state with respect to an earlier one, along every path. "
        "It is what backpropagation uses.",
        ("every path",),
    ),
    "exploding": Entry(
        "exploding",
        "Growing without end on the way back, so that a small step of learning becomes a leap.",
        ("explode", "explodes", "exploded"),
    ),
    "forget bias": Entry(
        "forget-bias",
        "What is added to a forget gate before its sigmoid: 0 leaves the gate half open, 1 makes "
        "it 0.73, 5 makes it 0.993. Keras adds 1 in its LSTM and 0 in its GRU, PyTorch 0 in both.",
    ),
    "forget gate": Entry(
        "forget-gate",
        "A number between 0 and 1 for each unit and step: how much of the old cell state is kept. "
        "Open is 1, closed is 0.",
    ),
    "gain": Entry(
        "recurrent-gain",
        "A factor on all recurrent weights. 0 cuts every detour.",
        ("recurrent gain",),
    ),
    "gradient": Entry(
        "gradient",
        "How much a result would change, if something it depends on changed a little. Learning "
        "follows it; where it is next to nothing, nothing is learnt.",
    ),
    "guessing": Entry(
        "guessing",
        "Answering a task without looking at the sequence, knowing only how often each answer "
        "comes. Who loses no less than that has learnt nothing from the past.",
        ("guess", "guesses"),
    ),
    "half-life": Entry(
        "half-life",
        "After how many steps the direct path keeps half.",
    ),
    "highway share": Entry(
        "share",
        "How much of direct and detours together rode the carry: 1 is all, 0 is none.",
    ),
    "horizon": Entry(
        "horizon",
        "How far back the direct path reaches before less than a chosen part of it is left.",
    ),
    "IRNN": Entry(
        "irnn",
        "A vanilla RNN with relu whose recurrent weights start as the identity (Le, Jaitly & "
        "Hinton 2015), so that at first nothing shrinks while its units are live.",
        ("identity RNN",),
    ),
    "Jacobian": Entry(
        "jacobian",
        "The table of all derivatives of one state with respect to an earlier one: a row for each "
        "unit that is moved, a column for each unit that moves it.",
    ),
    "lag": Entry(
        "time-lag",
        "How many steps lie between two moments.",
    ),
    "loss": Entry(
        "loss",
        "What training makes smaller: how far a network’s answers are from what was asked. A mean "
        "square of numbers, or for symbols the mean surprise in nats.",
        ("losses",),
    ),
    "Lyapunov exponent": Entry(
        "lyapunov",
        "The average rate, per step, at which nearby states part or approach; over few steps it "
        "has not settled, and a longer run may change its sign. Above 0 in the long run, the run "
        "is chaotic.",
    ),
    "peephole": Entry(
        "peephole",
        "A weight through which a gate sees the cell state itself (Gers, Schraudolph & "
        "Schmidhuber 2002).",
    ),
    "phase map": Entry(
        "phase-map",
        "A map over two knobs: every point is an experiment of its own. Where its colours change "
        "abruptly, the network changes its nature.",
        ("phase maps",),
    ),
    "quartiles": Entry(
        "quartiles",
        "The middle half of many values lies between them: a quarter is below the lower one, a "
        "quarter above the upper one.",
        ("quartile",),
    ),
    "read-out": Entry(
        "read-out",
        "The way from the cell state to the visible state: in an LSTM a tanh, then the output "
        "gate.",
    ),
    "recurrent weights": Entry(
        "recurrent-weights",
        "The weights through which the state of one step acts on the next.",
        ("recurrent weight",),
    ),
    "rms": Entry(
        "rms",
        "Root mean square: square, average, take the root. Over units it is the typical size of "
        "what reaches one of them.",
        ("root mean square",),
    ),
    "saturation": Entry(
        "saturation",
        "A gate or unit so far open or closed that its slope is next to 0: it hardly moves any "
        "more, and hardly learns.",
        ("saturated", "saturate", "saturates"),
    ),
    "seed": Entry(
        "random-seed",
        "The number from which all random draws of an experiment start. The same seed gives the "
        "same weights and inputs on every machine.",
    ),
    "singular value": Entry(
        "singular-value",
        "By how much a matrix stretches a direction, for as many directions as it has columns, "
        "all at right angles. The largest is σ₁.",
    ),
    "slope": Entry(
        "slope",
        "The derivative of a nonlinearity where a unit stands on it: 1 at the middle of a tanh, "
        "at most ¼ on a sigmoid, next to 0 where it is flat.",
    ),
    "spectral norm": Entry(
        "spectral-norm",
        "The most that a matrix stretches any direction: its largest singular value.",
        ("most favoured direction",),
    ),
    "spectral radius": Entry(
        "spectral-radius",
        "The size of a matrix's largest eigenvalue, ρ: the factor a step that remains, if the "
        "same matrix acts again and again.",
    ),
    "update gate": Entry(
        "update-gate",
        "A GRU's gate that keeps: how much of the old state stays, the rest being the new one's.",
    ),
    "vanilla RNN": Entry(
        "vanilla-rnn",
        "The plain recurrent network: each state is one nonlinearity of the input and of the "
        "state before it. It has no carry.",
    ),
    "vanishing": Entry(
        "vanishing",
        "Shrinking towards nothing on the way back, so that what happened early is not learnt.",
        ("vanish", "vanishes", "vanished"),
    ),
}

ANCHORS = {
    name.casefold(): entry.anchor
    for term, entry in GLOSSARY.items()
    for name in (term, *entry.also)
}
# Longer names first, so that a direct path is no "direct" with a path behind it.
NAMES = "|".join(re.escape(name) for name in sorted(ANCHORS, key=lambda name: (-len(name), name)))
# In ASCII, or İ would count as i, which casefold does not make of it.
TERM = re.compile(rf"(?<![\w-])(?ai:({NAMES})s?)(?![\w-])")


def linked(text: str, address: str) -> Markup:
    """A plain text as HTML, in which the first mention of each term leads to its meaning.

    Args:
        text: of people, not HTML: all of it is escaped.
        address: the page with the glossary, with its query.
    """
    told: set[str] = set()
    parts: list[Markup] = []
    end = 0
    for found in TERM.finditer(text):
        anchor = ANCHORS[found[1].casefold()]
        if anchor not in told:
            told.add(anchor)
            link = Markup('<a class="term" href="{}#{}">{}</a>')
            parts += [escape(text[end : found.start()]), link.format(address, anchor, found[0])]
            end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
