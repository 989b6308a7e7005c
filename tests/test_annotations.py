import ast
import dataclasses
from importlib.util import cache_from_source, module_from_spec, spec_from_loader
from types import ModuleType

import jaxtyping
import numpy as np
import pytest
import torch
from beartype import beartype
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import (
    Bool,
    Float,
    Float32,
    Int,
    Shaped,
    TypeCheckError,
    UInt8,
    _import_hook,
    _storage,
)

import annotations
import quick_shapes


def test_shapes_are_compared_within_one_call():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def added(a: Float32[np.ndarray, " n"], b: Float32[np.ndarray, " n"]) -> np.ndarray:
        return a + b

    one, two = np.ones(1, np.float32), np.ones(2, np.float32)

    assert added(two, two).tolist() == [2, 2]
    with pytest.raises(TypeCheckError):
        added(one, two)


def test_annotations_without_shapes_are_checked_too():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def doubled(count: int) -> list[int]:
        return [count, count]

    assert doubled(3) == [3, 3]
    with pytest.raises(TypeError):
        doubled("three")


def test_the_answer_has_the_shapes_of_the_arguments():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def first(
        a: Float32[np.ndarray, " n"], *, rows: int = 1
    ) -> "Float32[np.ndarray, ' n']":
        return a[:rows]

    one, two = np.ones(1, np.float32), np.ones(2, np.float32)

    assert first(two, rows=2).tolist() == [1, 1]
    assert first(one).tolist() == [1]
    with pytest.raises(TypeCheckError):
        first(two)
    with pytest.raises(TypeCheckError):
        first(one.astype(np.float64))


def test_a_call_within_a_call_has_shapes_of_its_own():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def halved(a: Float32[np.ndarray, " n"], deep: bool) -> Float32[np.ndarray, " m"]:
        return halved(a[::2], False) if deep else a[::2]

    assert len(halved(np.ones(8, np.float32), True)) == 2


def test_what_a_function_defines_at_every_call_is_checked_the_first_time():
    def defined():
        @jaxtyping.jaxtyped(typechecker=beartype)
        def inner(a: int) -> int:
            return a

        return inner

    first, second = defined(), defined()

    assert second("a") == "a"
    with pytest.raises(TypeError):
        first("a")


def test_text_that_nobody_knows_yet_stands_for_anything():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def same(a: "NotYet", b: Float32[np.ndarray, " n"]) -> "NotYet":  # noqa: F821
        return a

    assert same(3, np.ones(2, np.float32)) == 3


HINTS = [
    Float32[np.ndarray, " n"],
    Float32[np.ndarray, "n m"],
    Float32[np.ndarray, "n n"],
    Float32[np.ndarray, "2 _"],
    Float32[np.ndarray, "*b n"],
    Float32[np.ndarray, "m *b"],
    Shaped[np.ndarray, "n *b n"],
    Float[torch.Tensor, "*b 2"],
    Shaped[np.ndarray, "*#b n"],
    Shaped[np.ndarray, "*b"],
    Float32[np.ndarray, "... 2"],
    Float32[np.ndarray, ""],
    Float32[np.ndarray, "#n m"],
    Float32[torch.Tensor, "n m"],
    Float[np.ndarray, " n"],
    Int[torch.Tensor, " m"],
    Bool[np.ndarray, "m n"],
    Shaped[np.ndarray, "m _"],
    UInt8[np.ndarray, "n 2"],
]
ARRAYS = st.builds(
    lambda kind, shape, torchs: (
        torch.zeros(shape, dtype=getattr(torch, kind))
        if torchs
        else np.zeros(shape, kind)
    ),
    st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.booleans(),
)


@given(st.lists(st.tuples(st.sampled_from(HINTS), ARRAYS), max_size=6))
def test_a_quick_yes_is_said_where_jaxtyping_says_yes_and_binds_what_it_binds(pairs):
    def told(asks):
        _storage.push_shape_memo({})
        try:
            answers = [asks(hint, array) for hint, array in pairs]
            return answers, _storage.get_shape_memo()[:2]
        finally:
            _storage.pop_shape_memo()

    assert told(isinstance_of) == told(quick_shapes._thorough)


def isinstance_of(hint, array):
    return isinstance(array, hint)


def test_rows_with_fields_are_left_to_jaxtyping():
    record = np.zeros(2, [("a", "i4")])

    assert isinstance(record, Shaped[np.ndarray, " n"])
    assert not isinstance(record, Float32[np.ndarray, " n"])


def test_the_fields_of_a_value_have_the_shapes_of_each_other():
    @jaxtyping.jaxtyped(typechecker=beartype)
    @dataclasses.dataclass(frozen=True)
    class Pair:
        a: Float32[np.ndarray, " n"]
        b: "Float32[np.ndarray, ' n'] | None" = None
        name: str = "pair"

    @jaxtyping.jaxtyped(typechecker=beartype)
    @dataclasses.dataclass(frozen=True)
    class Named(Pair):
        c: Float32[np.ndarray, " n"] = dataclasses.field(
            default_factory=lambda: np.ones(2, np.float32)
        )

    one, two = np.ones(1, np.float32), np.ones(2, np.float32)

    assert Pair(two, two).b is two
    assert Pair(two).name == Named(two, c=two).name == "pair"
    for wrong in (
        lambda: Pair(one, two),
        lambda: Pair(two.astype(int)),
        lambda: Pair(two, name=3),
        lambda: Named(one, c=two),
        lambda: dataclasses.replace(Pair(two, two), a=one),
    ):
        with pytest.raises(TypeError):
            wrong()


CHECKER = _import_hook.Typechecker("beartype.beartype")


def imported(path, source: str) -> ModuleType:
    """A module of this text, loaded as those of the library are."""
    path.write_text(source)
    loader = _import_hook._JaxtypingLoader(path.stem, str(path), typechecker=CHECKER)
    module = module_from_spec(spec_from_loader(path.stem, loader))
    loader.exec_module(module)
    return module


def test_what_a_checked_module_imports_is_looked_for_where_it_was_compiled(tmp_path):
    looks = "importlib._bootstrap_external.cache_from_source('/a.py')"
    module = imported(tmp_path / "one.py", f"import importlib\nplace = {looks}\n")

    assert module.place == cache_from_source("/a.py")


def test_a_checked_module_is_kept_under_a_name_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", False)

    module = imported(tmp_path / "one.py", "def double(n: int):\n    return 2 * n\n")

    (kept,) = (tmp_path / "__pycache__").iterdir()
    assert "jaxtyping" in kept.name
    with pytest.raises(TypeError):
        module.double("two")


BLOCKS = [
    "class One:\n",
    "def one():\n",
    "async def one():\n",
    "if one:\n",
    "if one: ...\nelse:\n",
    "for one in many:\n",
    "for one in many: ...\nelse:\n",
    "while one:\n",
    "with one:\n",
    "try:\n{}\nfinally: ...\n",
    "try: ...\nfinally:\n",
    "try: ...\nexcept ValueError:\n",
    "try: ...\nexcept ValueError: ...\nelse:\n",
    "try: ...\nexcept* ValueError:\n",
    "match one:\n case 1:\n",
]


@pytest.mark.parametrize("block", BLOCKS)
def test_functions_are_found_in_every_kind_of_block(block):
    inner = "  def inner(n: int): ..."
    tree = ast.parse(block.format(inner) if "{}" in block else block + inner)

    _import_hook.JaxtypingTransformer(typechecker=CHECKER).visit(tree)

    (found,) = (
        node for node in ast.walk(tree) if getattr(node, "name", None) == "inner"
    )
    assert "jaxtyped" in ast.unparse(found)


def test_the_first_calls_in_each_file_of_tests_are_checked():
    @jaxtyping.jaxtyped(typechecker=beartype)
    def first(a: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
        return a[:1]

    one, two = np.ones(1, np.float32), np.ones(2, np.float32)
    with pytest.raises(TypeCheckError):
        first(two)
    for _ in range(500):
        first(one)
    annotations.next_file()

    with pytest.raises(TypeCheckError):
        first(two)
