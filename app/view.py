"""What a link says beside the experiment: where a lens looks closely, and how a page shows it.

A key of `Focus` changes no number of the experiment; it chooses which of its numbers a lens tells,
or (`worked`, `vs_…`) what is told beside or in place of them, so programs may use it too. A key of
`View` changes no answer at all.
"""

from typing import Annotated, Any, Literal, Optional, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from app.axes import Axes
from app.grammar import names_of
from app.knobs import Control, Experiment, Integer
from app.learning import Learning

# What a second experiment may have of its own: not its length, for the two are laid side by side.
COMPARED = tuple(
    key for key in Experiment.model_fields if key not in ("v", "T", "D", "text", "series")
)
MOST = {
    key: next(mark.le for mark in Experiment.model_fields[key].metadata if hasattr(mark, "le"))
    for key in ("T", "D")
}
OF_A_LENGTH_OF_THEIR_OWN = ("text", "series")


def compared(key: str) -> Any:
    """The same knob for the second experiment, as a field of `Focus`; None is "as in the first"."""
    field = Experiment.model_fields[key]
    control = next(mark for mark in field.metadata if isinstance(mark, Control))
    outside = [mark for mark in field.metadata if hasattr(mark, "ge") or hasattr(mark, "le")]
    inside = tuple(mark for mark in field.metadata if mark not in [*outside, control])
    annotation: Any = field.annotation
    if key == "signal":
        own = (name for name in get_args(annotation) if name not in OF_A_LENGTH_OF_THEIR_OWN)
        annotation = Literal[tuple(own)]
    inner = Annotated[(annotation, *inside)] if inside else annotation
    description = f"the second experiment's {key}, where it is not the first one's"
    own_control = Control("Experiment B", label_of(control), control.unit, names=control.names)
    marks = (*outside, Field(description=description), own_control)
    return Annotated[(Optional[inner], *marks)], None  # noqa: UP045


def label_of(control: Control) -> str:
    """A control's label where it stands among those of the other network."""
    of_the_rnn = control.group == "Vanilla RNN"
    return f"RNN’s {control.label.lower()}" if of_the_rnn else control.label


fields: dict[str, Any] = {f"vs_{key}": compared(key) for key in COMPARED}
SECOND: Any = create_model("Second", **fields)


class Focus(SECOND, Axes, Learning):
    """Where a lens looks closely. What a lens has no use for travels along in the link."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    s: Annotated[
        Integer | None,
        Field(
            ge=0,
            le=20000,
            description="the earlier of two steps that are looked at; by default ten before t",
        ),
        Control("Looking closely", "From step s", ""),
    ] = None
    t: Annotated[
        Integer | None,
        Field(ge=0, le=20000, description="the later of two steps; by default the last one"),
        Control("Looking closely", "To step t", ""),
    ] = None
    first: Annotated[
        Integer | None,
        Field(
            ge=1,
            le=20000,
            description="the step from which Lyapunov exponents are counted; their directions turn "
            "from step 1 on. By default the first step that is looked at",
        ),
        Control("Looking closely", "Exponents from step", ""),
    ] = None
    over: Annotated[
        Integer | None,
        Field(ge=1, le=100000, description="over how many steps half shall be kept; by default T"),
        Control("Looking closely", "Keep half over", "steps"),
    ] = None
    draw: Annotated[
        Integer,
        Field(ge=0, le=4294967295, description="draws the random directions of a check"),
        Control("Looking closely", "Random direction", ""),
    ] = 0
    worked: Annotated[
        Literal["experiment", "textbook"],
        Field(description="whose arithmetic is shown: this experiment's, or a textbook example's"),
        Control("Looking closely", "Worked example"),
    ] = "experiment"

    def lesson(self, **changes: Any) -> "Focus":
        """What of it says how networks learn, and which of what they learnt is looked at."""
        kept = {key: getattr(self, key) for key in Learning.model_fields}
        return Focus.model_construct(**Focus().model_dump() | kept | changes)

    def second(self, experiment: Experiment) -> Experiment:
        """The experiment with which another one is compared: the same but for what is set here.

        Raises:
            pydantic.ValidationError: its knobs do not fit together.
        """
        changed = {
            key: value for key in COMPARED if (value := getattr(self, f"vs_{key}")) is not None
        }
        first = experiment.model_dump()
        # A sequence of a task may be longer and wider than a link's own.
        beyond = {key: first[key] for key, most in MOST.items() if first[key] > most}
        within = first | {key: MOST[key] for key in beyond}
        return Experiment.model_validate(within | changed).in_force().model_copy(update=beyond)


def hideable(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse to hide what no page has."""
    if not set(names) <= set(HIDEABLE):
        raise ValueError("no such control")
    return names


class View(BaseModel):
    """How an experiment is looked at. No key here changes a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Annotated[
        Integer | None,
        Field(ge=0, le=255, description="the unit whose own curves are drawn"),
        Control("View", "Pinned unit", toggles=True),
    ] = None
    step: Annotated[
        Integer | None,
        Field(ge=0, le=20000, description="the step that is marked in every panel"),
        Control("View", "Marked step", toggles=True),
    ] = None
    update: Annotated[
        Integer | None,
        Field(
            ge=0, le=20000, description="the update of training that is shown; by default the last"
        ),
        Control("View", "Shown update"),
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
        Field(description="the power of ten at which colours and axes end"),
        Control("View", "Scale down to"),
    ] = "-12"
    hide: Annotated[
        tuple[str, ...],
        BeforeValidator(names_of),
        AfterValidator(hideable),
        Field(description="controls that the page leaves out, for teaching"),
    ] = ()


# Every control, and the parts of a page that have a name of their own.
HIDEABLE = (
    "presets",
    "reading",
    "tools",
    *(
        key
        for model in (Experiment, Focus, View)
        for key, field in model.model_fields.items()
        if any(isinstance(mark, Control) for mark in field.metadata)
    ),
)
