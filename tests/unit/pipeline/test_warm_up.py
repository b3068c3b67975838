"""After warming up, the first real sample waits for no compiler."""

import numpy as np

from models.compiled import compiled
from models.pipeline.warm_up import warm_up
from models.scoring import score_rows
from models.service_model import ask
from models.ticks import assembly
from models.wire import score_json
from tests.unit.streams import make, model_for, noise, pieces, series, table


def _loops(*modules):
    """Compiled loops of modules, with how many signatures each has been compiled for."""
    dispatcher = type(compiled(lambda: 0))
    return {
        f"{module.__name__}.{name}": len(value.signatures)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, dispatcher) and value.__module__ == module.__name__
    }


def test_folding_compiles_nothing_that_warming_up_has_not():
    warm_up()
    before = _loops(assembly, score_rows, ask, score_json)
    pipeline = make()
    pipeline.use_model("shop", model_for(np.column_stack((noise(200, 0), noise(200, 1))), ("a", "b")))
    samples = table({series("a"): noise(60, 2), series("b"): noise(60, 3)})
    for piece in pieces(samples, 50):
        pipeline.fold(piece)
    assert len(pipeline.finish().rows) >= 0
    assert _loops(assembly, score_rows, ask, score_json) == before
    assert before["models.ticks.assembly._assemble"] >= 1
