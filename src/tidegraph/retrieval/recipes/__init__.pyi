from tidegraph.retrieval.recipes.factorized import (
    graphzoom as graphzoom,
    grarep as grarep,
    hope as hope,
    ials as ials,
    netmf as netmf,
    prone as prone,
)
from tidegraph.retrieval.recipes.gnn import (
    gat as gat,
    gcn as gcn,
    gin as gin,
    graphsage as graphsage,
    lcgnn as lcgnn,
    lightgcn as lightgcn,
    ngcf as ngcf,
    pinsage as pinsage,
    sgc as sgc,
)
from tidegraph.retrieval.recipes.graph_filters import (
    cheby_cf as cheby_cf,
    gf_cf as gf_cf,
    pure_svd as pure_svd,
)
from tidegraph.retrieval.recipes.mf import (
    bpr_mf as bpr_mf,
    softmax_mf as softmax_mf,
    svdpp as svdpp,
)
from tidegraph.retrieval.recipes.sequence import (
    bert4rec as bert4rec,
    caser as caser,
    gru4rec as gru4rec,
    markov_chain as markov_chain,
    sasrec as sasrec,
    srgnn as srgnn,
)
from tidegraph.retrieval.recipes.walk import (
    app as app,
    bge as bge,
    deepwalk as deepwalk,
    eges as eges,
    ges as ges,
    item2vec as item2vec,
    line as line,
    metapath2vec as metapath2vec,
    node2vec as node2vec,
)
