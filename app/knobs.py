"""Every knob of an experiment, declared once.

The validation of links, the page's form, the API's documentation and the canonical link all come
from the two models here: `Experiment` (what is computed) and `View` (how it is looked at; a view
key never changes a number).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from app.grammar import integer_of, names_of, real_of, series_of
from lstm_engine.cells import CELLS

LINK_VERSION = 1
MAX_STEPS_OF_ONES_OWN = 1000


@dataclass(frozen=True)
class Control:
    """How the page offers a knob: its group and name, and the span, step and scale of its slider.

    The number field beside a slider takes the knob's whole range. `only_with` names the value of
    another knob without which this one decides nothing ("signal=text"); `names` are the choices as
    one reads them, where that is not how a link writes them.
    """

    group: str
    label: str
    unit: str = ""
    slider: tuple[float, float] | None = None
    step: float = 1
    scale: Literal["linear", "log"] = "linear"
    only_with: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


Integer = Annotated[int, BeforeValidator(integer_of)]
Finite = Annotated[float, BeforeValidator(real_of), Field(allow_inf_nan=False)]
Bias = Annotated[Finite, Field(ge=-20, le=20)]
Gain = Annotated[Finite, Field(ge=0, le=10)]


def off_or_long(chrono: int) -> int:
    """A T_max that leaves room between its ends: log U(1, T_max − 1) needs at least 3."""
    if chrono in (1, 2):
        raise wrong("chrono", f"must be {ALLOWED_IN_WORDS['chrono']}")
    return chrono


GATE_OF = {"b_i": "i", "b_f": "f", "b_g": "g", "b_o": "o"}  # a bias knob: its gate's letter
Signal = Literal[
    "noise", "zeros", "constant", "sine", "impulse", "adding", "copy", "text", "series"
]

# What a signal needs of D: the adding problem has a value and a marker channel, copy memory at
# least one symbol beside its blank and its delimiter.
LEAST_FEATURES = {"adding": 2, "copy": 3}


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
            max_length=MAX_STEPS_OF_ONES_OWN,
            description="your own words for the signal text: one step a character",
        ),
        Control("Input", "Your text", only_with="signal=text"),
    ] = "The quick brown fox jumps over the lazy dog."
    series: Annotated[
        tuple[Finite, ...],
        BeforeValidator(series_of),
        Field(
            min_length=2,
            max_length=MAX_STEPS_OF_ONES_OWN,
            description="your own numbers for the signal series: one step a number",
        ),
        Control("Input", "Your numbers", only_with="signal=series"),
    ] = (1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0, 144.0)
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
        return self

    @property
    def biases(self) -> dict[str, float]:
        """What is added to each gate's bias, by the gate's letter."""
        return {gate: getattr(self, key) for key, gate in GATE_OF.items()}

    def unused(self) -> dict[str, Any]:
        """Keys that decide nothing here, with the value in force in their place."""
        values = {key: default(key) for key in without_effect(self.cell)}
        if self.signal == "text":
            values["T"] = len(self.text)
        else:
            values["text"] = default("text")
        if self.signal == "series":
            values |= {"T": len(self.series), "D": 1}
        else:
            values["series"] = default("series")
        return values

    def in_force(self) -> Self:
        """This experiment with every unused key at the value that is in force."""
        return self.model_copy(update=self.unused())


class View(BaseModel):
    """How an experiment is looked at. No key here changes a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Annotated[
        Integer | None,
        Field(ge=0, le=255, description="the unit whose own curves are drawn"),
        Control("View", "Pinned unit"),
    ] = None
    step: Annotated[
        Integer | None,
        Field(ge=0, le=20000, description="the step that is marked in every panel"),
        Control("View", "Marked step"),
    ] = None
    order: Annotated[
        Literal["index", "survival"],
        Field(description="units in the order of their index, or of what survives"),
        Control("View", "Units ordered by"),
    ] = "index"
    lag: Annotated[
        Literal["linear", "log"],
        Field(description="the time axis: steps, or the lag back from the end on a log scale"),
        Control("View", "Time axis"),
    ] = "linear"
    floor: Annotated[
        Literal["-12", "-30", "-300"],
        Field(description="where the colour scale ends, as a power of ten"),
        Control("View", "Darkest colour"),
    ] = "-12"
    hide: Annotated[
        tuple[str, ...],
        BeforeValidator(names_of),
        Field(description="controls that the page leaves out, for teaching"),
    ] = ()

    @model_validator(mode="after")
    def hides_what_exists(self) -> Self:
        """Refuse to hide what the page does not have."""
        if not set(self.hide) <= set(HIDEABLE):
            raise wrong("hide", f"must be {ALLOWED_IN_WORDS['hide']}")
        return self


def without_effect(cell_name: str) -> tuple[str, ...]:
    """Keys that a cell has no use for: biases of gates it lacks, what acts on weights it lacks."""
    cell = CELLS[cell_name]
    counts = {key: gate in cell.GATES for key, gate in GATE_OF.items()}
    counts |= {"chrono": bool(cell.CHRONO), "gain": cell.RECURRENT}
    return tuple(key for key, does in counts.items() if not does)


def words(key: str, cell_name: str) -> tuple[str, str]:
    """A control's label and meaning; a bias's are those of the gate that it moves in this cell."""
    declared, cell = control(key), CELLS[cell_name]
    assert declared is not None
    if key in without_effect(cell_name):
        return (declared.label, f"without effect in the {cell.TITLE}")
    gate = cell.GATES.get(GATE_OF.get(key, ""))
    if gate is None or gate == CELLS[default("cell")].GATES[GATE_OF[key]]:
        return (declared.label, FIELDS[key].description or "")
    name, _, does = gate.partition(", ")
    meaning = f"added to the {name}'s bias" + (f": {does}" if does else "")
    return (f"{name[0].upper()}{name[1:]} {key}", meaning)


def wrong(key: str, message: str) -> PydanticCustomError:
    """An error of knobs that do not fit together, laid at one key's door."""
    return PydanticCustomError("knob", "{message}", {"key": key, "message": message})


def default(key: str) -> Any:
    """The default of a knob or view key."""
    return FIELDS[key].default


def control(key: str) -> Control | None:
    """How the page offers a key; None for keys without a control of their own."""
    return next((m for m in FIELDS[key].metadata if isinstance(m, Control)), None)


def bounds(key: str) -> tuple[float, float] | None:
    """The least and the greatest value of a number key (of characters, of numbers: see `kind`)."""
    found: dict[str, float] = {}
    for mark in FIELDS[key].metadata:
        for name in ("ge", "le", "min_length", "max_length"):
            if (value := getattr(mark, name, None)) is not None:
                found[name] = value
    low, high = found.get("ge", found.get("min_length")), found.get("le", found.get("max_length"))
    return None if low is None or high is None else (low, high)


def kind(key: str) -> Literal["integer", "real", "choice", "text", "numbers", "names"]:
    """What sort of value a key takes."""
    annotation = FIELDS[key].annotation
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "names" if str in get_args(annotation) else "numbers"
    if annotation is str:
        return "text"
    return "real" if annotation is float else "integer"


def choices(key: str) -> tuple[str, ...]:
    """The names a choice key takes."""
    return get_args(FIELDS[key].annotation)


def allowed(key: str) -> str:
    """What a key takes, in words."""
    if key in ALLOWED_IN_WORDS:
        return ALLOWED_IN_WORDS[key]
    if kind(key) == "choice":
        return "one of " + ", ".join(choices(key))
    span = bounds(key)
    assert span is not None
    low, high = span
    if kind(key) == "text":
        return f"text of {low} to {high} characters"
    if kind(key) == "numbers":
        return f"{low} to {high} finite numbers with commas between them"
    return f"a {'whole ' if kind(key) == 'integer' else ''}number from {low} to {high}"


FIELDS: dict[str, FieldInfo] = {**Experiment.model_fields, **View.model_fields}
HIDEABLE = (*(key for key in FIELDS if control(key)), "presets", "reading")
ALLOWED_IN_WORDS = {
    "v": f"{LINK_VERSION}, the only link version there is",
    "chrono": "0 (off) or a whole number from 3 to 100000",
    "hide": "names of controls with commas between them, out of " + ", ".join(HIDEABLE),
}
