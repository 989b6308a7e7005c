from tidegraph.reranking.diversity import (
    DPP as DPP,
    MMR as MMR,
    FittedDPP as FittedDPP,
    FittedMMR as FittedMMR,
)
