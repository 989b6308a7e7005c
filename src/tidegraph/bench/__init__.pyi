from tidegraph.bench.activity import gains_by_activity as gains_by_activity
from tidegraph.bench.clicks import (
    PROTOCOLS as PROTOCOLS,
    ClickParts as ClickParts,
    ClickProtocol as ClickProtocol,
    click_parts as click_parts,
)
from tidegraph.bench.models import (
    CONTROL as CONTROL,
    NAMED as NAMED,
    contenders as contenders,
)
from tidegraph.bench.report import (
    PAGE as PAGE,
    auc_bars as auc_bars,
    write_comparison as write_comparison,
)
from tidegraph.bench.run import (
    Comparison as Comparison,
    Trained as Trained,
    compare as compare,
)
from tidegraph.bench.scores import Scores as Scores
from tidegraph.bench.tried import Contender as Contender, network as network
