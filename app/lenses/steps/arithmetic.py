"""The formulas of one step, cell by cell, and the same formulas with numbers in place of letters.

A formula is written once, as one would on paper: `f⋅c[t−1] + i⋅g`. Letters are replaced by the
step's own numbers; letters without an index belong to the step itself. `docs/math.md`, sections
"The cells" and "One step back".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.drawing.figure import PLAIN, RAISED
from app.reading import Fact, told

NAME = re.compile(r"tanh|[A-Za-z]′?(?:_[a-z])?(?:\[t(?:−1)?\])?")
PARTS = re.compile(r"(?P<letter>[A-Za-z]′?)(?:_(?P<gate>[a-z]))?(?:\[(?P<time>t(?:−1)?)\])?")
POWER = re.compile(f"×\\s10([{RAISED}]+)")
TIMES = "\N{NARROW NO-BREAK SPACE}⋅\N{NARROW NO-BREAK SPACE}"
ALOUD = {"⋅": " times ", "/": " over ", "−": " minus ", "²": " squared", "σ": "sigma of "}
ALOUD |= {"=": " equals ", "+": " plus ", "tanh": "tanh of ", "1": "1"}


class Formula(NamedTuple):
    """What is worked out, from what, and what it is in words."""

    name: str
    of: str
    words: str


@dataclass(frozen=True)
class Arithmetic:
    """A cell's formulas: forward, what a step back is made of, and the slopes into its gates."""

    forward: tuple[Formula, ...]
    back: tuple[Formula, ...]
    slopes: tuple[Formula, ...]


class Token(NamedTuple):
    """A piece of a formula as the page sets it."""

    kind: Literal["letter", "number", "sign"]
    text: str
    below: str = ""  # set under the letter


class Line(NamedTuple):
    """A formula with its numbers, ready to be set, and as one says it."""

    words: str
    symbols: tuple[Token, ...]  # both sides, in letters
    numbers: tuple[Token, ...]  # the right side, in numbers; empty where it is one letter
    value: str
    aloud: str


OLD_AND_NEW = Formula("c[t]", "f⋅c[t−1] + i⋅g", "the cell: what is kept and what is written")
SHOWN = Formula("h[t]", "o⋅tanh(c[t])", "what the unit shows")
KEPT = Formula("carry", "f", "what of a change in the old cell the carry hands on")
READ_OUT = Formula("r", "o⋅(1 − tanh(c[t])²)", "what of a change in the cell is shown")
BY_I = Formula("k_i", "g⋅i⋅(1 − i)", "through the input gate")
BY_F = Formula("k_f", "c[t−1]⋅f⋅(1 − f)", "through the forget gate")
BY_G = Formula("k_g", "i⋅(1 − g²)", "through the candidate")
BY_O = Formula("k_o", "tanh(c[t])⋅o⋅(1 − o)", "through the output gate, into h alone")

ARITHMETIC: Mapping[str, Arithmetic] = {
    "lstm": Arithmetic((OLD_AND_NEW, SHOWN), (KEPT, READ_OUT), (BY_I, BY_F, BY_G, BY_O)),
    "lstm-1997": Arithmetic(
        (OLD_AND_NEW._replace(of="c[t−1] + i⋅g"), SHOWN),
        (KEPT._replace(of="1"), READ_OUT),
        (BY_I, BY_G, BY_O),
    ),
    "peephole": Arithmetic(
        (OLD_AND_NEW, SHOWN),
        (
            KEPT._replace(of="f + k_f⋅p_f + k_i⋅p_i"),
            READ_OUT._replace(of="o⋅(1 − tanh(c[t])²) + k_o⋅p_o"),
        ),
        (BY_I, BY_F, BY_G, BY_O),
    ),
    "coupled": Arithmetic(
        (Formula("i", "1 − f", "what is not kept is written anew"), OLD_AND_NEW, SHOWN),
        (KEPT, READ_OUT),
        (BY_F._replace(of="(c[t−1] − g)⋅f⋅(1 − f)"), BY_G, BY_O),
    ),
    "gru": Arithmetic(
        (Formula("h[t]", "z⋅h[t−1] + (1 − z)⋅n", "the state: what is kept, what is written"),),
        (KEPT._replace(of="z", words="what of a change in the old state the carry hands on"),),
        (
            Formula("s", "(1 − z)⋅(1 − n²)", "the candidate's slope, as far as it is written"),
            Formula("k_r", "s⋅u⋅r⋅(1 − r)", "through the reset gate"),
            Formula("k_z", "(h[t−1] − n)⋅z⋅(1 − z)", "through the update gate"),
            Formula("k_n", "s⋅r", "through the candidate"),
        ),
    ),
    "minlstm": Arithmetic(
        (
            Formula("f′", "f/(f + i)", "the forget gate, normalised"),
            Formula("i′", "i/(f + i)", "the input gate, normalised"),
            Formula("h[t]", "f′⋅h[t−1] + i′⋅g", "the state: what is kept, what is written"),
        ),
        (KEPT._replace(of="f′", words="what of a change in the old state the carry hands on"),),
        (
            Formula("k", "(h[t−1] − g)⋅f′⋅i′", "what both gates share"),
            Formula("k_i", "−k⋅(1 − i)", "through the input gate"),
            Formula("k_f", "k⋅(1 − f)", "through the forget gate"),
            Formula("k_g", "i′", "through the candidate"),
        ),
    ),
    "mingru": Arithmetic(
        (Formula("h[t]", "f⋅h[t−1] + (1 − f)⋅g", "the state: what is kept, what is written"),),
        (KEPT._replace(words="what of a change in the old state the carry hands on"),),
        (
            Formula("k_f", "(h[t−1] − g)⋅f⋅(1 − f)", "through the update gate"),
            Formula("k_g", "1 − f", "through the candidate"),
        ),
    ),
}


def names_in(expression: str) -> list[str]:
    """The letters that stand in an expression, once each, in their order."""
    found = [name for name in NAME.findall(expression) if name != "tanh"]
    return list(dict.fromkeys(found))


def line(formula: Formula, values: Mapping[str, float], t: int) -> Line:
    """A formula at step t, in letters and in numbers."""
    symbols = (*tokens(formula.name, t), Token("sign", " = "), *tokens(formula.of, t))
    equals, value = Token("sign", " = "), number(values[formula.name])
    if value == formula.of:  # a carry of 1
        return Line(formula.words, symbols, (), "", said(symbols))
    numbers = tuple(in_numbers(formula.of, values)) if formula.of not in values else ()
    worked = (equals, *numbers) if numbers else ()
    aloud = said((*symbols, *worked, equals, Token("number", value)))
    return Line(formula.words, symbols, numbers, value, aloud)


def tokens(expression: str, t: int) -> tuple[Token, ...]:
    """An expression in letters, t and t−1 as numbers below them."""
    return tuple(letter(piece, t) if known else sign(piece) for piece, known in pieces(expression))


def sign(text: str) -> Token:
    """What stands between letters; a little room around what multiplies."""
    return Token("sign", text.replace("⋅", TIMES))


def letter(name: str, t: int) -> Token:
    """One letter with what stands below it: its gate, its step."""
    if name == "carry":
        return Token("letter", "carry")
    parts = PARTS.fullmatch(name)
    assert parts is not None, name
    step = {"t": f"{t}", "t−1": f"{t - 1}", None: ""}[parts["time"]]
    return Token("letter", parts["letter"], parts["gate"] or step)


def in_numbers(expression: str, values: Mapping[str, float]) -> Iterator[Token]:
    """An expression with numbers in place of letters, negative ones in brackets within it."""
    found = pieces(expression)
    for n, (piece, known) in enumerate(found):
        if not known:
            yield sign(piece)
            continue
        shown = number(values[piece])
        before, after = (found[k][0] if 0 <= k < len(found) else "" for k in (n - 1, n + 1))
        alone = before[-1:] in ("", "(") and after[:1] != "²"
        yield Token("number", shown if alone else bracketed(shown))


def bracketed(shown: str) -> str:
    """A number within a product or a sum: in brackets where it is negative."""
    return f"({shown})" if shown.startswith("−") else shown


def pieces(expression: str) -> list[tuple[str, bool]]:
    """The expression cut into letters (True) and what stands between them."""
    if expression == "carry":
        return [("carry", True)]
    cut = re.split(f"({NAME.pattern})", expression)
    return [(piece, n % 2 == 1 and piece != "tanh") for n, piece in enumerate(cut) if piece]


def number(value: float) -> str:
    """A number as the formulas write it, four digits of it."""
    return told(Fact("", value, ""))


def said(shown: tuple[Token, ...]) -> str:
    """A line as one says it: for those who listen to the page."""
    words = []
    for token in shown:
        if token.kind == "sign":
            signs = re.split(r"(tanh|.)", token.text)
            words.append("".join(ALOUD.get(sign, sign) for sign in signs))
        else:
            words.append(f"{token.text} {token.below} ")
    spoken = POWER.sub(lambda power: f"times 10 to the {power[1].translate(PLAIN)}", "".join(words))
    spaced = " ".join(spoken.replace("′", " prime").replace("−", "minus ").split())
    return spaced.replace(" )", ")")
