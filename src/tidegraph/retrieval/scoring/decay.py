"""Exponential decay that never underflows: a fraction, and a count of halvings.

An event of age a counts 2^(-a / half-life). Ages are taken from the newest event of the
history, since one factor for all changes no order. The power is kept as a number above
one half and a whole count of halvings: a history that spans thousands of half-lives, or
one wrong clock decades ahead of the others, is still added up and ordered right.

A sum is kept with a count of halvings of its own, that of its newest term; older terms
are scaled down to it by an exact power of two. So sums of any size are compared as they
are, and one that would be 0 as a float is still above a smaller one.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from numpy.typing import DTypeLike

from tidegraph.data.views.matrix import as_seconds_log
from tidegraph.durations import DAY
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.jit import compiled, sealed
from tidegraph.kernels.topk import offer_to_heap, sort_heap
from tidegraph.retrieval.from_log import FromLog
from tidegraph.stages import Fold, Train

MOST = 1 << 37
"""Halvings are not counted beyond this: 40 years of a hundred halvings a second."""

_BIAS = 1 << 38
_DIGITS = 24  # Of a float32.
_EXACT = 2.0**53  # A whole number below has all its digits in a float64.
_HALVES = 0.5 ** np.arange(1100.0)  # From 1 down to what a float64 takes for 0.
_FLOAT_HALVINGS = 512  # A product has at least 2^-298, so all digits above 2^-1022.

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
Sums = tuple[np.ndarray, np.ndarray, np.ndarray]
Room = tuple[Sums, np.ndarray]


def check_half_life(
    half_life_days: float | FromLog | None, train: Train, method: str
) -> float | None:
    """Return a half-life if the log has ages, and None if age does not matter.

    One that never ends is none, nor is one that is left to the log, which has ages if
    it chooses one.

    Raises:
        DataError: ``train`` has no times, or none in seconds.
    """
    if isinstance(half_life_days, FromLog) or half_life_days in (None, math.inf):
        return None
    method = f"{method} with a half-life"
    as_seconds_log(Fold.of(train, method).events, method)
    return half_life_days


def halvings(
    history: Histories, half_life_days: float
) -> tuple[Float32[np.ndarray, " events"], Int64[np.ndarray, " events"]]:
    """Return each event's decay since the newest of its history.

    Returns:
        A fraction above 0.5, at most 1, and how often to halve it.
    """
    sizes = np.diff(history.ptr)
    newest = np.zeros(len(sizes), np.int64)
    newest[sizes > 0] = history.time[history.ptr[1:][sizes > 0] - 1]
    # A shorter half-life tells two seconds apart no better than this does.
    half_life = max(half_life_days * DAY, 0.01)
    exponent = np.empty(len(history.time))
    count = np.empty(len(history.time), np.int64)
    ptr, latest, time = sealed(history.ptr, newest, history.time)
    _write_halvings(ptr, latest, time, half_life, exponent, count)
    return np.exp2(exponent, out=exponent).astype(np.float32), count


def sort_keys(
    value: Float32[np.ndarray, " n"], count: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """Return integers in the order of halved numbers, and the numbers as floats."""
    key, number = np.empty(len(value), np.int64), np.empty(len(value), np.float32)
    _write_sort_keys(value, count, key, number)
    return key, number


def split_keys(
    key: Int64[np.ndarray, " n"],
) -> tuple[Float32[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Return the number of each key, all above 0, and how often to halve it."""
    digits = (key & ((1 << _DIGITS) - 1)) / (1 << _DIGITS)
    return digits.astype(np.float32), _BIAS - (key >> _DIGITS)


@compiled
def _write_halvings(
    ptr: np.ndarray,
    newest: np.ndarray,
    time: np.ndarray,
    half_life: float,
    exponent: np.ndarray,
    count: np.ndarray,
) -> None:
    """Write for each age how many half-lives it has, and less what part of one more."""
    # The remainder is exact, so that a later newest event changes no fraction; of a
    # whole half-life the product is exact, too.
    whole_seconds = half_life == math.floor(half_life)
    for row in range(ptr.size - 1):
        for h in range(ptr[row], ptr[row + 1]):
            age = np.float64(newest[row] - time[h])
            if whole_seconds and age < _EXACT:
                whole = np.floor(age / half_life)
                rest = age - whole * half_life
                if rest < 0:
                    whole, rest = whole - 1, rest + half_life
                elif rest >= half_life:
                    whole, rest = whole + 1, rest - half_life
            else:
                rest = np.fmod(age, half_life)
                whole = np.floor((age - rest) / half_life + 0.5)
            exponent[h] = -rest / half_life
            count[h] = np.int64(min(whole, float(MOST)))


@compiled
def _write_sort_keys(
    value: np.ndarray, count: np.ndarray, key: np.ndarray, number: np.ndarray
) -> None:
    for n in range(value.size):
        key[n] = as_key(np.float64(value[n]), count[n])
        number[n] = as_float(key[n])


@compiled
def halve(value: Any, count: Any) -> Any:
    """Return ``value`` halved ``count`` times, at least 0 times."""
    return np.float64(value) * _HALVES[min(count, 1099)]


@compiled
def as_key(value: Any, count: Any) -> Any:
    """Return an integer that orders numbers halved any number of times as they are.

    Args:
        value: A number, of which as many digits count as a float32 has.
        count: How often it is halved, within ``MOST``; may be negative.
    """
    if value == 0:
        return 0
    part, exponent = math.frexp(abs(value))
    digits = np.int64(part * (1 << _DIGITS))
    key = ((np.int64(exponent) - count + _BIAS) << _DIGITS) + digits
    return key if value > 0 else -key


@compiled
def as_float(key: int) -> float:
    """Return the number of a key, 0 where it is too small for a float."""
    if key == 0:
        return 0.0
    size = abs(key)
    exponent = (size >> _DIGITS) - _BIAS
    digits = size & ((1 << _DIGITS) - 1)
    value = math.ldexp(digits / (1 << _DIGITS), max(exponent, -1074))
    return value if key > 0 else -value


@compiled
def score_all_decayed(
    room: Room,
    voters: Arrays,
    votes: Rows,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the score of every item that somebody votes for into ``out``."""
    sums, block = room
    total, touched = sums[1], sums[2]
    for request in range(first, last):
        count = add_votes(voters, votes, room, request)
        for t in range(count):
            i = touched[t]
            out[request, i] = as_float(as_key(total[i], block[i]))
            total[i] = np.nan


@compiled
def top_k_decayed(
    room: Room,
    voters: Arrays,
    votes: Rows,
    hidden: tuple[np.ndarray, np.ndarray],
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the items with the highest scores, best first, and their scores."""
    sums, block = room
    total, touched = sums[1], sums[2]
    key = np.empty(item.shape[1], np.int64)
    for request in range(first, last):
        count = add_votes(voters, votes, room, request)
        for e in range(hidden[0][request], hidden[0][request + 1]):
            if 0 <= hidden[1][e] < total.size:
                total[hidden[1][e]] = np.nan
        found, least = 0, -np.inf
        for t in range(count):
            i = touched[t]
            s = total[i]
            total[i] = np.nan
            if s == s and (block[i] != 0 or s >= least):
                found = offer_to_heap(item[request], key, found, i, as_key(s, block[i]))
                least = least_to_offer(key, found)
        sort_heap(item[request], key, found)
        for place in range(found):
            score[request, place] = as_float(key[place])


@compiled
def least_to_offer(key: np.ndarray, found: int) -> float:
    """Return a number below which none enters a heap of keys, and none has a key."""
    # Keys below 0 are cut towards 0, so that a number below one may have the same.
    if found < key.size or key[0] <= 0:
        return -np.inf
    return as_float(key[0])


def room_for_sums(rows: int, width: int, kind: DTypeLike) -> Sums:
    """Return room for sums of votes: who has voted, the sums, items that got any.

    Args:
        rows: How many may vote.
        width: How many items they may vote for.
        kind: What a sum is kept in.
    """
    # NaN marks an item nobody has voted for; a sum of votes may be 0. A place more than
    # there are items lets a kernel note an item before it knows that it is new.
    total = np.full(width, np.nan, kind)
    return np.full(rows, -1, np.int64), total, np.empty(width + 1, np.int32)


def room_for_decayed_sums(rows: int, width: int) -> Room:
    """Return the same for sums that fade, and how often to halve each."""
    return room_for_sums(rows, width, np.float64), np.zeros(width, np.int64)


@compiled
def add_votes(voters: Arrays, votes: Rows, room: Room, request: int) -> int:
    """Add up the votes of one request; return how many items got any."""
    ptr, row, gain, halvings = voters
    (voted, total, touched), block = room
    if _floats_suffice(halvings, ptr[request], ptr[request + 1]):
        return _add_votes_as_floats(voters, votes, room, request)
    count = 0
    for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
        v = row[h]
        if v < 0 or v >= voted.size or voted[v] == request:
            continue
        voted[v] = request
        for e in range(votes[0][v], votes[0][v + 1]):
            i = votes[1][e]
            vote = np.float64(gain[h]) * votes[2][e]
            if total[i] != total[i]:
                touched[count] = i
                count += 1
                total[i] = 0
            add_halved(total, block, i, vote, halvings[h])
    return count


@compiled
def _floats_suffice(halvings: np.ndarray, start: int, stop: int) -> bool:
    """Return whether no product of two float32, halved so often, leaves a float64."""
    for h in range(start, stop):
        if not -_FLOAT_HALVINGS <= halvings[h] <= _FLOAT_HALVINGS:
            return False
    return True


@compiled
def _add_votes_as_floats(voters: Arrays, votes: Rows, room: Room, request: int) -> int:
    """Add up votes as ``add_votes``: a power of two changes no digit of a sum."""
    ptr, row, gain, halvings = voters
    (voted, total, touched), block = room
    count = 0
    for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
        v = row[h]
        if v < 0 or v >= voted.size or voted[v] == request:
            continue
        voted[v] = request
        times = halvings[h]
        part = np.float64(gain[h]) * (_HALVES[times] if times >= 0 else 2.0**-times)
        for e in range(votes[0][v], votes[0][v + 1]):
            i = np.uint32(votes[1][e])
            so_far = total[i]
            fresh = so_far != so_far
            # Written without a branch, which would be guessed wrong too often.
            touched[count] = i
            count += fresh
            total[i] = (0.0 if fresh else so_far) + part * votes[2][e]
    for t in range(count):
        block[touched[t]] = 0
    return count


@compiled
def add_halved(
    total: np.ndarray, block: np.ndarray, i: Any, value: Any, halvings: Any
) -> None:
    """Add a value that is halved so often to a sum that is kept halved ``block``."""
    if value == 0:
        return
    if total[i] == 0:
        total[i] = value
        block[i] = halvings
    elif halvings >= block[i]:
        total[i] += halve(value, halvings - block[i])
    else:
        total[i] = value + halve(total[i], block[i] - halvings)
        block[i] = halvings
