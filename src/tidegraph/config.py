"""Strict reading of tables, such as TOML's, into frozen dataclasses, and back."""

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

from tidegraph.arguments.conversion import alternatives, convert_or_raise, one_of, shown
from tidegraph.arguments.written import AllWritten, read_written
from tidegraph.errors import ConfigError, did_you_mean, no_setting, type_of

T = TypeVar("T")
Own = Mapping[str, type] | None
"""Classes of one's own by name; see ``build``."""


class _Words(NamedTuple):
    """What a table may say beside numbers, names and tables; see ``build``."""

    own: Own
    written: AllWritten


_NONE = _Words(None, MappingProxyType({}))


def build_each(
    classes: Iterable[type[Any]], table: Mapping[str, Any], where: str
) -> tuple[Any, ...]:
    """Build several dataclasses whose settings lie side by side in one table.

    Args:
        classes: Frozen dataclasses with different fields.
        table: The parsed table.
        where: The table's file and dotted name, for the error message.

    Raises:
        ConfigError: As ``build`` does.
    """
    kinds = [
        (cls, {field.name for field in dataclasses.fields(cls)}) for cls in classes
    ]
    refuse_unknown(table, [name for _, names in kinds for name in names], where)
    built: list[Any] = []
    for cls, names in kinds:
        mine = {key: value for key, value in table.items() if key in names}
        built.append(build(cls, mine, where))
    return tuple(built)


def refuse_unknown(table: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse the first setting that nobody knows.

    Raises:
        ConfigError: There is one; the sentence names the one that was probably meant.
    """
    known = list(known)
    for key in table:
        if key not in known:
            raise ConfigError(no_setting(f"[{where}]", key, known))


def build(
    target: Callable[..., T],
    table: Mapping[str, Any],
    where: str,
    default: object = None,
    given: Mapping[str, Any] = MappingProxyType({}),
    own: Own = None,
    written: AllWritten = _NONE.written,
) -> T:
    """Build what ``target`` makes from a TOML table, refusing what it does not know.

    Args:
        target: A frozen dataclass, or a function that returns one; its parameters are
            the whole vocabulary of the table.
        table: The parsed table; a table inside it builds a field that is a dataclass,
            and what it leaves out is as in the field's default.
        where: The table's file and dotted name, for the error message.
        default: What has the settings that the table leaves out, if it is what
            ``target`` makes.
        given: Parameters of ``target`` that are no settings, with their values; the
            table may not name them.
        own: Classes of one's own that ``type`` may name, too; None where it may name
            ours alone.
        written: How values of some types are written otherwise.

    Raises:
        ConfigError: A key is unknown, a required one is missing, or a value has the
            wrong type.
    """
    parameters = inspect.signature(target).parameters
    known = {name: p for name, p in parameters.items() if name not in given}
    hints = typing.get_type_hints(target)
    refuse_unknown(table, known, where)
    held: dict[str, Any] = {}
    if isinstance(target, type) and isinstance(default, target):
        held = {name: getattr(default, name) for name in known}
    for name, parameter in known.items():
        if (
            name not in table
            and name not in held
            and parameter.default is parameter.empty
        ):
            raise ConfigError(f"[{where}] lacks the setting {name!r}.")
    held, words = {**_made_defaults(target), **held}, _Words(own, written)
    values = {
        key: _convert(
            *(value, hints[key], f"{where}.{key}"),
            *(held.get(key, known[key].default), words),
        )
        for key, value in table.items()
    }
    return target(**{**held, **values, **given})


def _made_defaults(target: object) -> dict[str, Any]:
    """Return the defaults of a dataclass that are made anew for each value."""
    if not dataclasses.is_dataclass(target):
        return {}
    return {
        field.name: field.default_factory()
        for field in dataclasses.fields(target)
        if field.default_factory is not dataclasses.MISSING
    }


def to_table(config: object) -> dict[str, Any]:
    """Return the settings of a frozen dataclass as JSON and TOML can hold them.

    None is left out where it is what is taken anyway, as TOML has no word for it.

    Raises:
        ConfigError: A part is no dataclass.
    """
    table: dict[str, Any] = {}
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(cast(Any, config)):
        value = getattr(config, field.name)
        if value is None and field.default is not None:
            table[field.name] = None
        elif value is not None:
            table[field.name] = _toml_value(value, hints[field.name])
    return table


def _toml_value(value: Any, hint: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__str__ is not object.__str__:
            return str(value)  # It has words of its own, which say all of it.
        tag = {"type": type(value).__name__} if _protocol(hint) is not None else {}
        return to_table(value) | tag
    if _protocol(hint) is not None and not isinstance(
        value, str | int | float | tuple | list
    ):
        raise ConfigError(
            f"{type_of(value)} is no dataclass, so its settings cannot be "
            "written down. Make it one, @dataclass(frozen=True)."
        )
    if isinstance(value, tuple | list):
        options = [hint, *typing.get_args(hint)]
        several = [one for one in options if typing.get_origin(one) is tuple]
        inner = next(iter(typing.get_args(several[0] if several else hint)), object)
        return [_toml_value(part, inner) for part in cast(Iterable[Any], value)]
    return value


def _convert(
    value: Any, hint: Any, where: str, default: object = None, words: _Words = _NONE
) -> Any:
    """Return ``value`` as ``hint`` wants it, or say what it should have been.

    A table of settings changes those that it names, of the default if there is one.
    """
    made, options = _built(value, hint, where, default, words), alternatives(hint)
    if made is None and types.NoneType in options:
        return None
    # None has another name here, and is told where the setting is described.
    options = tuple(one for one in options if one is not types.NoneType)
    of_parts = len(options) == 1 and dataclasses.is_dataclass(options[0])
    if of_parts and not dataclasses.is_dataclass(made):
        raise ConfigError(f"[{where}] is {shown(made)}; it must be a table, in braces.")
    return convert_or_raise(one_of(options), made, f"[{where}]", ConfigError)


def _built(
    value: Any, hint: Any, where: str, default: object = None, words: _Words = _NONE
) -> Any:
    """Return a value whose tables, and names of parts, are what they stand for."""
    kind, options = _protocol(hint), alternatives(hint)
    if value == "none" and types.NoneType in options and str not in options:
        return None  # TOML has no word for it.
    if not _is_named(value, kind, words):
        for said in (one for one in options if _name_of(one) in words.written):
            return read_written(value, said, where, words.written[said.__name__])
    if isinstance(value, str) and kind is not None and str not in options:
        return _class_by_type(kind, {"type": value}, where, words)
    if isinstance(value, Mapping):
        table = cast(Mapping[str, Any], value)
        if kind is not None:
            return _class_by_type(kind, table, where, words, default)
        if any(map(dataclasses.is_dataclass, options)):
            return _first_that_fits(table, options, where, default, words)
        for args in (typing.get_args(o) for o in options if _is_of(o, Mapping)):
            return {
                key: _convert(part, args[1], f"{where}.{key}", words=words)
                for key, part in table.items()
            }
    if isinstance(value, list | tuple):
        parts = list(cast(Iterable[Any], value))
        for args in (typing.get_args(o) for o in options if _is_of(o, tuple)):
            each = args if Ellipsis not in args else args[:1] * len(parts)
            if len(each) == len(parts):
                return [
                    _built(part, inner, where, words=words)
                    for part, inner in zip(parts, each, strict=True)
                ]
    return cast(object, value)


def _first_that_fits(
    table: Mapping[str, Any],
    options: Iterable[Any],
    where: str,
    default: object,
    words: _Words,
) -> Any:
    """Build the dataclass that a table was meant for, among several."""
    kinds = [option for option in options if dataclasses.is_dataclass(option)]
    key = _key_of_type(table)
    if key in table and not any(_named_in({key: ""}, kind) for kind in kinds):
        # A part may name its type where only one fits, as it must where many do.
        known = {cast(type, kind).__name__: kind for kind in kinds}
        kinds = [_known_type(known, table[key], where)]
        table = {said: value for said, value in table.items() if said != key}
    errors: list[ConfigError] = []
    # What is wrong is said of the one that was most probably meant.
    for kind in sorted(kinds, key=lambda one: -_named_in(table, one)):
        try:
            return build(cast(Any, kind), table, where, default, **words._asdict())
        except ConfigError as error:
            errors.append(error)
    raise errors[0]


def _named_in(table: Mapping[str, Any], kind: Any) -> int:
    """Return how many of a table's keys are settings of a dataclass."""
    return len({field.name for field in dataclasses.fields(kind)} & table.keys())


def _name_of(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else ""


def _is_of(hint: Any, kind: type) -> bool:
    return typing.get_origin(hint) is kind


def _protocol(hint: Any) -> Any:
    """Return the protocol that a field holds a value of, None if it holds others."""
    options = [hint, *typing.get_args(hint)]
    if any(dataclasses.is_dataclass(one) for one in options):
        return None  # Those are told apart by their fields.
    found = [one for one in options if getattr(one, "_is_protocol", False)]
    # A room without a list of its parts has none that a name could choose.
    found = [one for one in found if hasattr(sys.modules[one.__module__], "__all__")]
    return found[0] if found and typing.get_origin(hint) is not tuple else None


def _class_by_type(
    protocol: type,
    table: Mapping[str, Any],
    where: str,
    words: _Words,
    default: object = None,
) -> Any:
    """Build the configuration that ``type`` names, from the room of its protocol.

    A table without a type changes those settings of the default that it names.
    """
    known = _parts_of(protocol, words)
    key = _key_of_type(table)
    if key not in table and table and type(default) in known.values():
        return build(type(default), table, where, default, **words._asdict())
    name = table.get(key)
    if name not in known and name and words.own is not None:
        raise ConfigError(
            f"[{where}] is a {name!r}, which is none of tidegraph's. "
            f"{name_your_class(str(name))}"
        )
    if not known:
        raise ConfigError(
            f"[{where}] is a table, and of tidegraph there is no {protocol.__name__} "
            "that it could name. One of your own is given in Python."
        )
    settings = {said: value for said, value in table.items() if said != key}
    return build(_known_type(known, name, where), settings, where, **words._asdict())


def _known_type(known: Mapping[str, Any], name: Any, where: str) -> Any:
    """Return the class of a name, or refuse what names none of those that fit."""
    if isinstance(name, str) and name in known:
        return known[name]
    said = f"names the type {name!r}, which does not exist" if name else ""
    raise ConfigError(
        f"[{where}] {said or 'does not say which type'}."
        f"{did_you_mean(str(name), known) if name else ''} "
        f'Add type = "...", one of: {", ".join(sorted(known))}.'
    )


def _parts_of(protocol: type, words: _Words) -> dict[str, Any]:
    """Return the configurations that are of a kind, by name."""
    room = sys.modules[protocol.__module__]
    named = {name: getattr(room, name) for name in room.__all__} | dict(words.own or {})
    return {name: cls for name, cls in named.items() if is_kind_of(cls, protocol)}


def _is_named(value: object, protocol: Any, words: _Words) -> bool:
    """Does a text, or a table, name a part of a kind exactly?"""
    if protocol is None:
        return False
    if isinstance(value, Mapping):
        table = cast(Mapping[str, object], value)
        value = table.get(_key_of_type(table))
    return isinstance(value, str) and value in _parts_of(protocol, words)


def _key_of_type(table: Mapping[str, Any]) -> str:
    """Return the setting that names the type, as that of a method does a model."""
    return "model" if "type" not in table and "model" in table else "type"


def name_your_class(name: str) -> str:
    """Return what to do where a saved value is of a class that nobody named."""
    return (
        f"If it is your own, name its class: tg.load(folder, kinds=[{name}]); of a "
        "command, its module: --kinds package.module."
    )


def is_kind_of(cls: Any, protocol: type) -> bool:
    """Is this a configuration with the methods of a protocol?"""
    said = vars(protocol).items()
    methods = [n for n, own in said if callable(own) and not n.startswith("_")]
    return dataclasses.is_dataclass(cls) and all(hasattr(cls, n) for n in methods)
