"""An experiment as a script of one's own: its numbers from PyTorch's or JAX's autograd alone.

Nothing of this project is imported there, so the script is also a check of every number here.
"""

from urllib.parse import quote

from app.links import Asked, address, write
from app.templating import templates
from lstm_engine import CELLS

FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX"}
ACTS = {
    "tanh": "tanh(a)",
    "relu": "a * (a > 0)",
    "identity": "a",
    "logistic": "sigmoid(a)",
}


def code(framework: str, asked: Asked, here: str) -> str:
    """The script: torch or jax, float64, every cell, weights from `here` or from a file.

    Args:
        framework: a key of `FRAMEWORKS`.
        asked: what the link says of the weights.
        here: the address of this server, from which the script takes the weights.
    """
    experiment = asked.experiment
    cell = CELLS[experiment.cell]
    # A host's name comes from whoever asks; quoted, it can be nothing but a part of an address.
    server, query = quote(here, safe=":/[]"), write(*asked)
    script = templates.get_template("code/script.txt").render(
        title=cell.TITLE,
        framework=framework,
        filename=filename(framework),
        name=FRAMEWORKS[framework],
        page=server + address("/", query),
        numbers=server + address("/api/highway", query),
        weights=repr(server + address("/api/weights.safetensors", query)).replace("'", '"'),
        cell=cell.NAME,
        recurrent=cell.RECURRENT,
        peepholes=cell.PEEPHOLES,
        h_is_c="o" not in cell.GATES,
        act=ACTS[experiment.act],
    )
    return script + "\n"


def filename(framework: str) -> str:
    """What to save the script as: a file torch.py would be taken for torch itself."""
    return f"highway_{framework}.py"
