import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location

from filelock import FileLock

from kernel_locks import compiled_alone

KERNEL = """
from tidegraph.kernels.jit import compiled


@compiled
def one_more(number: int) -> int:
    return number + 1
"""


def test_a_kernel_that_another_compiles_is_waited_for(tmp_path, monkeypatch):
    (tmp_path / "kernels_of_a_test.py").write_text(KERNEL)
    spec = spec_from_file_location(
        "kernels_of_a_test", tmp_path / "kernels_of_a_test.py"
    )
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    kernel = module.one_more
    index = kernel._cache._cache_file._index_path
    compiling = threading.Thread(target=compiled_alone, args=(kernel, "int64(int64)"))

    with FileLock(f"{index}.lock"):
        compiling.start()
        compiling.join(0.2)
        assert compiling.is_alive()
        assert not kernel.signatures
    compiling.join(60)

    assert len(kernel.signatures) == 1
    assert kernel(1) == 2
