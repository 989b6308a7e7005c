from tidegraph.bench.clicks import (
    PROTOCOLS as PROTOCOLS,
    ClickParts as ClickParts,
    ClickProtocol as ClickProtocol,
    click_parts as click_parts,
)
