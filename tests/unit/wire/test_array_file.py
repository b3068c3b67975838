"""Tables survive as bytes, or are refused."""

import numpy as np
import pytest

from models.wire.array_file import CHUNK_BYTES, ArrayFileDamaged, pack, unpack

ROWS = np.dtype([("number", "i4"), ("value", "f8", (3,))], align=True)
FORMS = {"rows": ROWS, "none": np.dtype(np.int64), "text": np.dtype(np.uint8)}


def _arrays() -> dict[str, np.ndarray]:
    rows = np.zeros(CHUNK_BYTES // 16, ROWS)
    rows["number"] = np.arange(len(rows))
    rows["value"] = np.random.default_rng(0).normal(size=(len(rows), 3))
    return {"rows": rows, "none": np.zeros(0, np.int64), "text": np.frombuffer(b"abc", np.uint8)}


def test_arrays_come_back_as_they_were():
    found = unpack(pack(_arrays()), FORMS)
    assert list(found) == list(FORMS)
    for name, array in _arrays().items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()


def test_equal_arrays_give_equal_bytes():
    assert pack(_arrays()) == pack(_arrays())


@pytest.mark.parametrize(
    "forms",
    [
        pytest.param(FORMS | {"rows": np.dtype([("number", "i8"), ("value", "f8", (3,))])}, id="another field"),
        pytest.param({name: FORMS[name] for name in ("rows", "none")}, id="an array less"),
        pytest.param(FORMS | {"more": ROWS}, id="an array more"),
    ],
)
def test_arrays_of_another_form_are_refused(forms):
    with pytest.raises(ArrayFileDamaged, match="another form"):
        unpack(pack(_arrays()), forms)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda body: b"", id="empty"),
        pytest.param(lambda body: body[:-1], id="cut short"),
        pytest.param(lambda body: body[:100] + bytes([body[100] ^ 1]) + body[101:], id="a bit that fell over"),
    ],
)
def test_damaged_bytes_are_refused(damage):
    with pytest.raises(ArrayFileDamaged):
        unpack(damage(pack(_arrays())), FORMS)
