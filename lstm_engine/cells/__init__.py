"""The gated cells, a file each. `CELLS` is where a new one is registered."""

from lstm_engine.cell import Cell
from lstm_engine.cells import coupled, gru, lstm, lstm_1997, mingru, minlstm, peephole

CELLS: dict[str, Cell] = {
    cell.NAME: cell
    for cell in (
        lstm,
        lstm_1997,
        peephole,
        coupled,
        gru,
        minlstm,
        mingru,
    )
}
