"""Walks from users and from items."""

from tidegraph.ego.walks import walk


def plans(times, rounds):
    forth = walk("action", "~action", times=times, length=rounds).all_time()
    back = walk("~action", "action", times=times, length=rounds).all_time()
    return forth, back
