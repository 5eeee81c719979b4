"""What a link says of a phase map: its two axes, what is drawn over them, over how many seeds."""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from app.knobs import Control, Experiment, Finite, Integer, wrong

Scale = Literal["linear", "log"]
Points = Annotated[Integer, Field(ge=2, le=64)]


class Span(NamedTuple):
    """What of a knob a map shows unless its link says otherwise."""

    low: float
    high: float
    scale: Scale = "linear"


SPANS = {
    "T": Span(10, 300, "log"),
    "H": Span(2, 64, "log"),
    "D": Span(1, 16),
    "b_i": Span(-5, 5),
    "b_f": Span(-2, 8),
    "b_g": Span(-5, 5),
    "b_o": Span(-5, 5),
    "chrono": Span(3, 1000, "log"),
    "gain": Span(0, 2),
    "rnn_gain": Span(0, 2),
    "amplitude": Span(0, 5),
}
WHOLE = ("T", "H", "D", "chrono")
NAMES = {"direct": "the carry alone (direct)", "exact": "every path (exact)", "rnn": "vanilla RNN"}
NAMES |= {"share": "highway share", "horizon": "horizon", "lyapunov": "largest Lyapunov exponent"}
NAMES |= {"gate": "mean of the keeping gate"}
X, Y = "Across", "Upwards"
NEXT_TO_NOTHING = 1e-9  # of the ends of an axis


class Axes(BaseModel):
    """Where a phase map lies."""

    quantity: Annotated[
        Literal[tuple(NAMES)],  # type: ignore[valid-type]
        Field(description="what is drawn over the two knobs"),
        Control("Map", "Quantity", names=NAMES),
    ] = "share"
    back: Annotated[
        Integer | None,
        Field(ge=1, le=20000, description="after how many steps back; by default all of T"),
        Control("Map", "Lag", "steps"),
    ] = None
    seeds: Annotated[
        Integer,
        Field(ge=1, le=32, description="draws at every point, from the experiment's seed on"),
        Control("Map", "Seeds", "", (1, 32), 1),
    ] = 8
    x: Annotated[
        Literal[tuple(SPANS)],  # type: ignore[valid-type]
        Field(description="the knob that grows to the right"),
        Control(X, "Knob across"),
    ] = "b_f"
    x_from: Annotated[
        Finite | None,
        Field(ge=-20, le=100000, description="its value at the left"),
        Control(X, "From"),
    ] = None
    x_to: Annotated[
        Finite | None,
        Field(ge=-20, le=100000, description="its value at the right"),
        Control(X, "To"),
    ] = None
    x_scale: Annotated[
        Scale | None, Field(description="how its values are spaced"), Control(X, "Spacing")
    ] = None
    x_points: Annotated[
        Points, Field(description="how many values"), Control(X, "Points", "", (2, 64), 1)
    ] = 21
    y: Annotated[
        Literal[(*SPANS, "none")],  # type: ignore[valid-type]
        Field(description="the knob that grows upwards; none draws curves over the first"),
        Control(Y, "Knob upwards"),
    ] = "gain"
    y_from: Annotated[
        Finite | None,
        Field(ge=-20, le=100000, description="its value at the bottom"),
        Control(Y, "From"),
    ] = None
    y_to: Annotated[
        Finite | None,
        Field(ge=-20, le=100000, description="its value at the top"),
        Control(Y, "To"),
    ] = None
    y_scale: Annotated[
        Scale | None, Field(description="how its values are spaced"), Control(Y, "Spacing")
    ] = None
    y_points: Annotated[
        Points, Field(description="how many values"), Control(Y, "Points", "", (2, 64), 1)
    ] = 21

    @model_validator(mode="after")
    def axes_can_be(self) -> Self:
        """Refuse axes that no map can have: twice the same knob, ends that are none of its values,
        the wrong way round, or zero on a log scale."""
        if self.x == self.y:
            raise wrong("y", f"must be another knob than x={self.x}, or none")
        for axis in ("x", "y"):
            if getattr(self, axis) != "none":
                check(self, axis)
        return self

    def span(self, axis: str) -> Span:
        """The ends and the spacing in force of the axis "x" or "y"."""
        usual = SPANS[getattr(self, axis)]
        low, high, scale = (getattr(self, f"{axis}_{end}") for end in ("from", "to", "scale"))
        return Span(
            usual.low if low is None else low,
            usual.high if high is None else high,
            scale or usual.scale,
        )


def check(axes: Axes, axis: str) -> None:
    """One axis of `Axes.axes_can_be`."""
    knob, span = getattr(axes, axis), axes.span(axis)
    marks = Experiment.model_fields[knob].metadata
    least = 3 if knob == "chrono" else next(m.ge for m in marks if hasattr(m, "ge"))
    most = next(m.le for m in marks if hasattr(m, "le"))
    for end, value in (("from", span.low), ("to", span.high)):
        if not least <= value <= most:
            raise wrong(f"{axis}_{end}", f"must be from {least} to {most}, as {knob} is")
        if knob in WHOLE and value != round(value):
            raise wrong(f"{axis}_{end}", f"must be a whole number, as {knob} is")
    if span.high - span.low <= NEXT_TO_NOTHING * max(abs(span.low), abs(span.high)):
        raise wrong(
            f"{axis}_to", f"must be above {axis}_from={span.low:g}, by a billionth at least"
        )
    if span.scale == "log" and span.low <= 0:
        raise wrong(f"{axis}_from", f"must be above 0 where {axis}_scale=log")
