"""What a link says of training: the task, the optimiser, for how long; whose weights are seen."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from app.knobs import Control, Experiment, Finite, Integer
from lstm_engine.tasks import TASKS

TITLES = {name: task.title for name, task in TASKS.items()}


def two_kinds(words: str) -> str:
    """Refuse a text in which there is nothing to guess."""
    if len(set(words)) < 2:
        raise ValueError("only one character")
    return words


class Learning(BaseModel):
    """How both networks learn."""

    task: Annotated[
        Literal[tuple(TASKS)],  # type: ignore[valid-type]
        Field(description="what is learnt; copy memory takes 20 steps more than T"),
        Control("Task", "Task", names=TITLES),
    ] = "adding"
    words: Annotated[
        str,
        AfterValidator(two_kinds),
        Field(
            min_length=2,
            max_length=1000,
            description="your own words for the task text: each next character is to be guessed",
        ),
        Control("Task", "Your text", only_with="task=text"),
    ] = Experiment.model_fields["text"].default
    optimiser: Annotated[
        Literal["adam", "sgd"],
        Field(description="how a gradient changes the weights"),
        Control("Optimiser", "Optimiser", names={"adam": "Adam", "sgd": "SGD"}),
    ] = "adam"
    rate: Annotated[
        Finite,
        Field(ge=1e-9, le=10, description="how far each update goes"),
        Control("Optimiser", "Learning rate"),
    ] = 0.005
    clip: Annotated[
        Finite,
        Field(ge=0, le=1e6, description="the largest norm that a gradient may have; 0 = off"),
        Control("Optimiser", "Clip at"),
    ] = 1.0
    batch: Annotated[
        Integer,
        Field(ge=1, le=256, description="sequences in each update"),
        Control("Optimiser", "Batch", "sequences", (1, 256), 1, "log"),
    ] = 64
    updates: Annotated[
        Integer,
        Field(ge=1, le=20000, description="updates at most; who has solved the task ends early"),
        Control("Optimiser", "Updates", "", (1, 20000), 1, "log"),
    ] = 6000
    trained: Annotated[
        Integer | None,
        Field(
            ge=0,
            le=20000,
            description="look at the weights after so many updates of training on the task; "
            "by default at the weights as they are drawn",
        ),
        Control("Training", "Trained for", "updates", toggles=True),
    ] = None
