"""Every knob of an experiment, declared once.

The validation of links, the page's form, the API's documentation and the canonical link all come
from `Experiment` here, and from `Focus` and `View` in `app.view`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.grammar import integer_of, real_of
from app.series import MAX_STEPS, Series, SeriesError, features, largest_of, series_of
from lstm_engine.cells import CELLS

LINK_VERSION = 1


@dataclass(frozen=True)
class Control:
    """How the page offers a knob: its group and name, and the span, step and scale of its slider.

    The number field beside a slider takes the knob's whole range. `only_with` names the value of
    another knob without which this one decides nothing ("signal=text"); `names` are the choices as
    one reads them, where that is not how a link writes them. One that `toggles` is let go when it
    is picked in a figure again.
    """

    group: str
    label: str
    unit: str = ""
    slider: tuple[float, float] | None = None
    step: float = 1
    scale: Literal["linear", "log"] = "linear"
    only_with: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    toggles: bool = False


Integer = Annotated[int, BeforeValidator(integer_of)]
Finite = Annotated[float, BeforeValidator(real_of), Field(allow_inf_nan=False)]
Bias = Annotated[Finite, Field(ge=-20, le=20)]
Gain = Annotated[Finite, Field(ge=0, le=10)]


def off_or_long(chrono: int) -> int:
    """A T_max that leaves room between its ends: log U(1, T_max − 1) needs at least 3."""
    if chrono in (1, 2):
        raise ValueError("too short")
    return chrono


def a_series(value: object) -> Series:
    """One's own numbers, from a link or a program."""
    try:
        return series_of(value)
    except SeriesError as error:
        raise wrong("series", str(error)) from None


GATE_OF = {"b_i": "i", "b_f": "f", "b_g": "g", "b_o": "o"}  # a bias knob: its gate's letter
Signal = Literal[
    "noise", "zeros", "constant", "sine", "impulse", "adding", "copy", "text", "series"
]

# What a signal needs of D: the adding problem has a value and a marker channel, copy memory at
# least one symbol beside its blank and its delimiter.
LEAST_FEATURES = {"adding": 2, "copy": 3}


# Of numbers that are not standardized. A gate's log2 is then below 1e15, and over 1000 steps the
# exponents that the walk back adds up stay within int64.
LARGEST_INPUT = 1e12


class Experiment(BaseModel):
    """One experiment: all that decides a number. Equal experiments give equal answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Annotated[
        Integer,
        Field(ge=1, le=LINK_VERSION, description="link version; its defaults never change"),
    ] = LINK_VERSION
    T: Annotated[
        Integer,
        Field(ge=1, le=20000, description="how many steps the gradient travels back"),
        Control("Time and size", "Sequence length T", "steps", (1, 2000), 1, "log"),
    ] = 100
    H: Annotated[
        Integer,
        Field(ge=1, le=256, description="hidden units of each network"),
        Control("Time and size", "Hidden units H", "units", (1, 128), 1, "log"),
    ] = 32
    D: Annotated[
        Integer,
        Field(ge=1, le=64, description="input features at each step"),
        Control("Time and size", "Input features D", "features", (1, 64), 1),
    ] = 8
    cell: Annotated[
        Literal[tuple(CELLS)],  # type: ignore[valid-type]
        Field(description="the gated cell beside the vanilla RNN"),
        Control("Weights", "Gated cell", names={name: cell.TITLE for name, cell in CELLS.items()}),
    ] = "lstm"
    b_i: Annotated[
        Bias,
        Field(description="added to the input gate's bias: how much of the new is written"),
        Control("Gate biases", "Input gate b_i", "", (-10, 10), 0.1),
    ] = 0.0
    b_f: Annotated[
        Bias,
        Field(description="added to the forget gate's bias: how much of the old is kept"),
        Control("Gate biases", "Forget gate b_f", "", (-10, 10), 0.1),
    ] = 1.0
    b_g: Annotated[
        Bias,
        Field(description="added to the candidate's bias: what is written"),
        Control("Gate biases", "Candidate b_g", "", (-10, 10), 0.1),
    ] = 0.0
    b_o: Annotated[
        Bias,
        Field(description="added to the output gate's bias: how much of the cell is shown"),
        Control("Gate biases", "Output gate b_o", "", (-10, 10), 0.1),
    ] = 0.0
    init: Annotated[
        Literal["keras", "pytorch", "normal"],
        Field(description="how the weights are drawn, in both networks"),
        Control("Weights", "Initialisation"),
    ] = "keras"
    chrono: Annotated[
        Integer,
        AfterValidator(off_or_long),
        Field(
            ge=0,
            le=100000,
            description="draws gate biases for memories of up to this many steps; 0 = off",
        ),
        Control("Weights", "Chrono T_max", "steps"),
    ] = 0
    gain: Annotated[
        Gain,
        Field(description="multiplies the gated cell's recurrent weights; 0 cuts every detour"),
        Control("Weights", "Recurrent gain", "", (0, 4), 0.05),
    ] = 1.0
    rnn_gain: Annotated[
        Gain,
        Field(description="multiplies the vanilla RNN's recurrent weights"),
        Control("Vanilla RNN", "Recurrent gain", "", (0, 4), 0.05),
    ] = 1.0
    rnn_init: Annotated[
        Literal["same", "identity"],
        Field(description="the vanilla RNN's weights: as above, or the identity (IRNN)"),
        Control("Vanilla RNN", "Initialisation"),
    ] = "same"
    act: Annotated[
        Literal["tanh", "relu", "identity", "logistic"],
        Field(description="the vanilla RNN's nonlinearity"),
        Control("Vanilla RNN", "Nonlinearity"),
    ] = "tanh"
    signal: Annotated[
        Signal,
        Field(description="what the networks read; adding and copy are the classic memory tasks"),
        Control("Input", "Signal"),
    ] = "noise"
    text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_STEPS,
            description="your own words for the signal text: one step a character",
        ),
        Control("Input", "Your text", only_with="signal=text"),
    ] = "The quick brown fox jumps over the lazy dog."
    series: Annotated[
        tuple[Any, ...],
        BeforeValidator(a_series),
        Field(
            min_length=2,
            max_length=MAX_STEPS,
            description="your own numbers for the signal series: one step a number, or steps of "
            "several features with semicolons between them",
        ),
        Control("Input", "Your numbers", only_with="signal=series"),
    ] = (1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0, 144.0)
    standardize: Annotated[
        Integer,
        Field(
            ge=0,
            le=1,
            description="whether your numbers are standardized, each feature to mean 0 and "
            "standard deviation 1; 0 leaves them as they are",
        ),
        Control(
            "Input",
            "Standardize",
            only_with="signal=series",
            names={"1": "yes", "0": "no"},
        ),
    ] = 1
    amplitude: Annotated[
        Finite,
        Field(ge=0, le=100, description="multiplies the signal"),
        Control("Input", "Amplitude", "", (0, 10), 0.1),
    ] = 1.0
    seed: Annotated[
        Integer,
        Field(ge=0, le=4294967295, description="the number that all random draws start from"),
        Control("Input", "Seed"),
    ] = 0

    @model_validator(mode="after")
    def knobs_fit_together(self) -> Self:
        """Refuse knobs that are right one by one and wrong together: a signal without room."""
        least = LEAST_FEATURES.get(self.signal, 1)
        if least > self.D:
            raise wrong("D", f"must be at least {least} for signal={self.signal}")
        if self.signal == "series" and not self.standardize:
            largest = largest_of(self.series)
            if largest * self.amplitude > LARGEST_INPUT:
                raise wrong(
                    "amplitude",
                    f"times {largest:g}, the largest number, may be at most {LARGEST_INPUT:g}",
                )
        return self

    @property
    def biases(self) -> dict[str, float]:
        """What is added to each gate's bias, by the gate's letter."""
        return {gate: getattr(self, key) for key, gate in GATE_OF.items()}

    def unused(self) -> dict[str, Any]:
        """Keys that decide nothing here, with the value in force in their place."""
        fields = type(self).model_fields
        values = {key: fields[key].default for key in without_effect(self.cell)}
        if self.signal == "text":
            values["T"] = len(self.text)
        else:
            values["text"] = fields["text"].default
        if self.signal == "series":
            values |= {"T": len(self.series), "D": features(self.series)}
        else:
            values |= {key: fields[key].default for key in ("series", "standardize")}
        return values

    def in_force(self) -> Self:
        """This experiment with every unused key at the value that is in force."""
        return self.model_copy(update=self.unused())


def without_effect(cell_name: str) -> tuple[str, ...]:
    """Keys that a cell has no use for: biases of gates it lacks, what acts on weights it lacks."""
    cell = CELLS[cell_name]
    counts = {key: gate in cell.GATES for key, gate in GATE_OF.items()}
    counts |= {"chrono": bool(cell.CHRONO), "gain": cell.RECURRENT}
    return tuple(key for key, does in counts.items() if not does)


def wrong(key: str, message: str) -> PydanticCustomError:
    """An error of knobs that do not fit together, laid at one key's door."""
    return PydanticCustomError("knob", "{message}", {"key": key, "message": message})
