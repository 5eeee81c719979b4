"""Imported by the process that all workers are copies of, which then has made once what each of
them would: fonts, templates, claims."""

import os

from app.answers import answers
from app.forms import FORMS
from app.knobs import Experiment
from app.lenses import IN_CHUNKS, LENSES
from app.links import Asked

server = os.getppid()
answers("highway", tuple(FORMS), Asked(Experiment()))
small = Asked(Experiment(T=20, H=4))
for name, lens in LENSES.items():
    if os.getppid() != server:
        raise SystemExit  # it was asked to end while it started
    found = lens.known(*small[:2]) if name in IN_CHUNKS else None
    answers(name, ("page", "plot"), small, found=found)
