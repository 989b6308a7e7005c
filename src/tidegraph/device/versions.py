"""Of which version a theta must be to mean something under another one."""


def before(version: int) -> int:
    """Return the version whose thetas are where devices begin under ``version``.

    A theta belongs to the network and bases that it was learnt under. Under the same
    version it goes on; under the next it is where ``U`` begins from; under any later
    one it counts as none, since what its numbers mean was learnt anew twice. Cloud,
    clients and Flower's strategy ask here.
    """
    return version - 1
