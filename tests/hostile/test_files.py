"""Small files that ask for much: each is one sentence, before it costs memory or time."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import epsball as eb
from epsball.models.adapters.onnx_limits import excess

if TYPE_CHECKING:
    from collections.abc import Callable

FACTORY = "import torch\n\ndef make():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))\n"
GIGABYTE = 10**9


def npy(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    """The head of an array."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def npz_of_3_terabytes(folder: Path) -> str:
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy((10**6, 3, 1000, 250)) + bytes(100))
        archive.writestr("y.npy", npy((10**6,), "<i8") + bytes(100))
    return str(folder / "a.npz")


def npz_that_grows(folder: Path) -> str:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as stream:
            stream.write(npy((75, 1, 1000, 1000)))
            for _ in range(30):
                stream.write(bytes(10**7))
        archive.writestr("y.npy", npy((75,), "<i8") + bytes(600))
    return str(folder / "a.npz")


def png(width: int, height: int) -> bytes:
    """A black picture, one bit a pixel, in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * min(height, 100)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(folder: Path, content: bytes) -> str:
    (folder / "data" / "one").mkdir(parents=True)
    (folder / "data" / "one" / "a.png").write_bytes(content)
    return str(folder / "data")


DATA: dict[str, tuple[Callable[[Path], str], str]] = {
    "an archive that says 3 TB": (npz_of_3_terabytes, "says that it holds 3,000,000,000,000 bytes and 228 are stored"),
    "an archive that grows": (npz_that_grows, "bytes, which no pictures do"),
    "a picture of 50,000 x 50,000": (
        lambda folder: picture(folder, png(50_000, 50_000)),
        "more than 64,000,000 pixels",
    ),
    "a picture of 9,000 x 9,000": (lambda folder: picture(folder, png(9_000, 9_000)), r"\(9000x9000 pixels\)"),
    "a picture that is a program": (
        lambda folder: picture(folder, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\nshowpage\n"),
        "no picture of the kinds that are read",
    ),
}


@pytest.mark.parametrize("what", DATA)
def test_data_that_asks_for_much(what: str, tmp_path: Path) -> None:
    make, says = DATA[what]
    name = make(tmp_path)
    with pytest.raises(eb.InputError, match=says):
        eb.load_data(name)


TENSORS: dict[str, tuple[Callable[[], Tensor], str]] = {
    "meta": (lambda: torch.zeros(3, 4, device="meta"), "on the meta device, without values"),
    "sparse": (lambda: torch.zeros(3, 4).to_sparse(), "stored as torch.sparse_coo"),
    "compressed rows": (lambda: torch.zeros(3, 4).to_sparse_csr(), "stored as torch.sparse_csr"),
    "quantised": (
        lambda: torch.quantize_per_tensor(torch.zeros(3, 4), 0.1, 0, torch.qint8),
        "quantised, as torch.qint8",
    ),
    "nested": (lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "as a nested tensor"),
    "complex": (lambda: torch.zeros(3, 4, dtype=torch.complex64), "complex where reals are expected"),
    "repeated": (lambda: torch.zeros(1).expand(10**6, 10**6), r"\(1000000, 1000000\) where \(3, 4\)"),
}


@pytest.mark.filterwarnings("ignore")  # PyTorch's own, of prototypes
@pytest.mark.parametrize("what", TENSORS)
def test_weights_that_are_no_arrays_of_numbers(what: str, tmp_path: Path) -> None:
    make, says = TENSORS[what]
    (tmp_path / "net.py").write_text(FACTORY)
    torch.save({"1.weight": make(), "1.bias": torch.zeros(3)}, tmp_path / "w.pt")
    with pytest.raises(eb.InputError, match=says):
        eb.load_model(f"{tmp_path}/net.py:make@{tmp_path}/w.pt")


def test_weights_that_grow(tmp_path: Path) -> None:
    torch.save(nn.Linear(100, 100).state_dict(), tmp_path / "w.pt")
    with (
        zipfile.ZipFile(tmp_path / "w.pt") as stored,
        zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for part in stored.infolist():
            made.writestr(part.filename, stored.read(part))
    (tmp_path / "net.py").write_text(FACTORY)
    with pytest.raises(eb.InputError, match="compressed part"):
        eb.load_model(f"{tmp_path}/net.py:make@{tmp_path}/z.pt")


@pytest.mark.parametrize("network", ["linear", "mlp-512", "lenet-mnist"])
@pytest.mark.parametrize("classes", ["10", "-1", "1e3", "", "9" * 30, "١٠", "1099511627776"])
@pytest.mark.parametrize(
    "shape",
    ["1,28,28", "1,1000000,1000000", "9" * 5000, "99999999999999999999,1,1", "0,0,0", "x", "3000000000,3000000000,9"],
)
def test_what_weights_say_about_themselves(network: str, shape: str, classes: str, tmp_path: Path) -> None:
    about = {"architecture": f"zoo:{network}", "shape": shape, "classes": classes}
    save_file({"1.weight": torch.zeros(7, 784), "1.bias": torch.zeros(7)}, tmp_path / "w.safetensors", about)
    with pytest.raises(eb.InputError) as caught:
        eb.load_model(f"zoo:{network}@{tmp_path}/w.safetensors")
    assert len(str(caught.value)) < 600


def graph(path: Path, nodes: list[Any], weights: list[Any] | None = None) -> str:
    """Save nodes from "x" (1, 4) to "y" as an ONNX file, and return its MODEL string."""
    onnx = pytest.importorskip("onnx")
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    made = onnx.helper.make_graph(nodes, "g", [make("x", kind, [1, 4])], [make("y", kind, None)], weights or [])
    onnx.save(onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), str(path))
    return f"onnx:{path}"


def loop(rounds: int | None, inner: int | None = None) -> tuple[list[Any], list[Any]]:
    """A Loop of that many rounds that adds its value to itself, perhaps around another one."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    number = helper.make_tensor("rounds", kinds.INT64, [], [rounds or 0])
    inside = helper.make_tensor("inside", kinds.INT64, [], [inner or 0])

    def body(nodes: list[Any], name: str) -> Any:
        make = helper.make_tensor_value_info
        given = [
            make(f"i{name}", kinds.INT64, []),
            make(f"c{name}", kinds.BOOL, []),
            make(f"v{name}", kinds.FLOAT, [1, 4]),
        ]
        return helper.make_graph(
            [helper.make_node("Identity", [f"c{name}"], [f"d{name}"]), *nodes],
            f"body{name}",
            given,
            [make(f"d{name}", kinds.BOOL, []), make(f"w{name}", kinds.FLOAT, [1, 4])],
        )

    add = helper.make_node("Add", ["vb", "vb"], ["wb"])
    within = [helper.make_node("Loop", ["inside", "", "va"], ["wa"], body=body([add], "b"))]
    plain = [helper.make_node("Add", ["va", "va"], ["wa"])]
    outer = helper.make_node(
        "Loop", ["" if rounds is None else "rounds", "", "x"], ["y"], body=body(within if inner else plain, "a")
    )
    return [outer], [number, inside]


@pytest.mark.parametrize(
    ("rounds", "inner", "says"),
    [
        (2**62, None, "a Loop of 4,611,686,018,427,387,904 rounds"),
        (None, None, "a Loop whose number of rounds is not fixed"),
        (40, 40, "a Loop of 1,600 rounds"),
    ],
)
def test_a_graph_that_does_not_end(rounds: int | None, inner: int | None, says: str, tmp_path: Path) -> None:
    nodes, weights = loop(rounds, inner)
    with pytest.raises(eb.InputError, match=says):
        eb.load_model(graph(tmp_path / "a.onnx", nodes, weights))


def test_a_loop_of_a_few_rounds_is_none_of_these(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    for rounds, inner in ((3, None), (30, 30)):
        place = graph(tmp_path / "a.onnx", *loop(rounds, inner))
        assert excess(onnx.load(place.removeprefix("onnx:"))) == ""


def test_a_graph_that_grows(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    shape = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [10**6, 10**6])
    nodes = [onnx.helper.make_node("Tile", ["x", "shape"], ["y"])]
    with pytest.raises(eb.InputError, match=r"the tensor 'y' of shape \(1000000, 4000000\)"):
        eb.load_model(graph(tmp_path / "a.onnx", nodes, [shape]))


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from the process")
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process its own peak, without that of its parent"
)
def test_hostile_files_end_with_2_and_without_memory(tmp_path: Path) -> None:
    """All in one process of its own, which says how much memory it ever had."""
    places = []
    for number, (make, _) in enumerate(DATA.values()):
        (tmp_path / str(number)).mkdir()
        places.append(make(tmp_path / str(number)))
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom epsball.cli import app\n"
        "for place in sys.argv[1:]:\n"
        "    done = CliRunner().invoke(app, ['evaluate', 'zoo:linear', '--norm', 'linf', '--eps', '0.1', '--data', place])\n"
        "    assert done.exit_code == 2 and len(done.stderr.strip().splitlines()) <= 1, done.output\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(eb.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code, *places], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert 1024 * int(done.stdout) < GIGABYTE
