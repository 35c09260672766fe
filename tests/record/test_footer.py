"""The footers of Parquet files, read before a decoder sees them."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from epsball.record.files import table_bytes
from epsball.record.footer import compressions

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = {"NONE": 0, "SNAPPY": 1, "GZIP": 2, "ZSTD": 6}
TABLE = {"id": np.arange(40), "distance": np.ones(40), "word": np.array(["a", "b"] * 20), "right": np.ones(40, bool)}
FOOTERS_CHANGED = """
import sys
from pathlib import Path
import numpy as np
from epsball.errors import InputError
from epsball.record.files import read_table
whole, path = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
for at in range(len(whole) - 8 - int.from_bytes(whole[-8:-4], "little"), len(whole) - 8):
    for change in (1, 4):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
        try:
            read_table(path, {"id": np.int64, "distance": np.float64, "word": np.str_, "right": np.bool_}, 40)
        except InputError:
            pass
"""


@pytest.mark.parametrize("name", NUMBERS)
def test_compressions_are_read_from_files_of_the_library_that_writes_them(name: str) -> None:
    content = BytesIO()
    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), content, compression=name, row_group_size=1)
    assert compressions(content.getvalue()) == {NUMBERS[name]}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x00\xff\x00\x00\x00PAR1", b"\x1c" * 40 + b"\x28\x00\x00\x00PAR1"])
def test_what_is_no_footer_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"footer|deep|early"):
        compressions(content)


def test_a_field_that_stands_twice_is_refused() -> None:
    twice = b"\x15\x02\x05\x02\x04\x00"
    with pytest.raises(ValueError, match="field 1 twice"):
        compressions(twice + len(twice).to_bytes(4, "little") + b"PAR1")


def test_no_changed_footer_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "whole.parquet").write_bytes(table_bytes(TABLE))
    done = subprocess.run(
        [sys.executable, "-c", FOOTERS_CHANGED, str(tmp_path / "whole.parquet"), str(tmp_path / "changed.parquet")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
