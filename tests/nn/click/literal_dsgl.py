"""DSGL by its equations: per sample, per node, per head, nothing shared."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tidegraph.features.tables import Tables
from tidegraph.nn.click.dsgl import DSGL, DSGLNetwork

DAY = 86_400


@dataclass
class Literal:
    """Reads events and weights, and recurs."""

    net: DSGLNetwork
    config: DSGL
    tables: Tables
    events: list[tuple[int, int, int]]

    def known(self, user: int, clock: int) -> list[float]:
        """What is known of an event just before it; anything that depends on both."""
        return [math.sin(user + clock / DAY), math.cos(2 * user - clock / DAY)]

    def users(self, item: int, clock: int) -> list[int]:
        """Everybody who chose an item before the clock, once per event."""
        return [u for u, i, t in self.events if i == item and t < clock]

    def kind(self, item: int) -> int:
        code = self.tables.item.code
        return int(code[item, 0]) - 1 if 0 <= item < len(code) else -1

    def across(self, side: str, user: int, item: int, clock: int) -> list[list[float]]:
        """What the pair has in common with each neighbour of one of them."""
        found = []
        if side == "user":
            for other, _ in self.past("user", user, clock):
                here, there = self.users(item, clock), self.users(other, clock)
                both = len((set(here) & set(there)) - {user})
                cosine = 10 * both / math.sqrt(1 + len(here) * len(there))
                alike = self.kind(item) >= 0 and self.kind(item) == self.kind(other)
                found.append([cosine, math.log(1 + both), float(alike)])
            return found
        own = self.past("user", user, clock)
        for fan, _ in self.past("item", item, clock):
            both = sum(fan != user and fan in self.users(i, clock) for i, _ in own)
            events = sum(u == fan and t < clock for u, _, t in self.events)
            cosine = 10 * both / math.sqrt(1 + len(own) * events)
            found.append([cosine, math.log(1 + both)])
        return found

    def logit(self, user: int, item: int, clock: int, numbers: Tensor) -> Tensor:
        """The logit of one pair at one time; both sides advance layer by layer."""
        config, nodes = self.config, {"user": user, "item": item}
        depth = {"user": config.user_depth, "item": config.item_depth}
        x = {side: [self.own(side, nodes[side])] for side in nodes}
        for k in range(1, max(depth.values()) + 1):
            new = {}
            for side, other in (("user", "item"), ("item", "user")):
                if k <= depth[side]:
                    parent = x[other][min(k, len(x[other])) - 1]
                    across = self.across(side, user, item, clock)
                    new[side] = self.attended(
                        side, nodes[side], clock, k, x[side][k - 1], parent, across
                    )
            for side, value in new.items():
                x[side].append(value)
        ends = [x["user"][0], x["item"][0]]
        for side in ("user", "item"):
            layers = x[side]
            if len(layers) > 1 and config.combine:
                ends.append(sum(layers[1:]) / (len(layers) - 1))
            else:
                ends.append(layers[-1])
        if config.products:
            a, b, by_user, by_item = ends
            ends += [by_user * b, by_item * a, by_user * by_item]
        whole = torch.cat([*ends, numbers])[None, None]
        return self.net.tower(whole, torch.ones(1, 1, dtype=torch.bool))[0, 0]

    def own(self, side: str, node: int) -> Tensor:
        if side == "user":
            known = 0 <= node < self.tables.user.known
            return self.net.user.tables[0].weight[node + 1 if known else 0]
        known = 0 <= node < self.tables.item.known
        kind = self.kind(node)
        vector = self.net.item.tables[0].weight[node + 1 if known else 0]
        return vector + self.net.item.tables[1].weight[kind + 1]

    def past(self, side: str, node: int, clock: int) -> list[tuple[int, int]]:
        """The other end and the time of the latest events strictly before the clock."""
        here, there = (0, 1) if side == "user" else (1, 0)
        found = [(e[there], e[2]) for e in self.events if e[here] == node]
        before = sorted((e for e in found if e[1] < clock), key=lambda e: e[1])
        return before[-self.config.history :]

    def state(self, side: str, node: int, clock: int, k: int, parent: Tensor) -> Tensor:
        """What a node is at layer k as of a moment."""
        if k == 0:
            return self.own(side, node)
        below = self.state(side, node, clock, k - 1, parent)
        return self.attended(side, node, clock, k, below, parent)

    def attended(
        self,
        side: str,
        node: int,
        clock: int,
        k: int,
        centre: Tensor,
        parent: Tensor,
        across: list[list[float]] | None = None,
    ) -> Tensor:
        layer, config = self.net.layers[side][k - 1], self.config.layer
        other = "item" if side == "user" else "user"
        past = self.past(side, node, clock)
        if not past:
            return layer.null
        sequence, plain = [], []
        for neighbour, time in past:
            x = self.state(other, neighbour, time, k - 1, self.own(side, node))
            x = layer.project.weight @ x + layer.project.bias
            plain.append(x)
            if config.time in ("both", side):
                days = (clock - time) / DAY
                bucket = math.floor(math.log(days + 1, config.time_base) + 1e-9)
                row = min(bucket, config.buckets - 1) + 1
                x = torch.cat([x, layer.time.weight[row]])
            if layer.known is not None:
                user = node if side == "user" else neighbour
                known = x.new_tensor(self.known(user, time))
                x = torch.cat([x, layer.known.weight @ known + layer.known.bias])
            sequence.append(x)
        encoded = self.encoded(layer, sequence)
        if config.residual:
            encoded = [h + x for h, x in zip(encoded, plain, strict=True)]
        extra = [0.0 for _ in past]
        more = [torch.zeros_like(centre) for _ in past]
        if across is not None and layer.cross_score is not None:
            shared = [centre.new_tensor(one) for one in across]
            extra = [layer.cross_score.weight @ one for one in shared]
            more = [layer.cross_value.weight @ one for one in shared]
        if config.attention == "none":
            return sum(h + m for h, m in zip(encoded, more, strict=True)) / len(encoded)
        query = layer.query.weight @ centre + layer.query.bias
        if config.attention == "second_order":
            query = query + layer.query_of_parent.weight @ parent
        part = len(query) // config.heads
        heads = []
        for head in range(config.heads):
            at = slice(head * part, (head + 1) * part)
            scores, values = [], []
            for h, own, value in zip(encoded, extra, more, strict=True):
                key = layer.key.weight[at] @ h + layer.key.bias[at]
                score = key @ query[at] / math.sqrt(part)
                scores.append(score if isinstance(own, float) else score + own[head])
                values.append(
                    layer.value.weight[at] @ h + layer.value.bias[at] + value[at]
                )
            total = sum(torch.exp(score) for score in scores)
            heads.append(
                sum(
                    torch.exp(s) / total * v
                    for s, v in zip(scores, values, strict=True)
                )
            )
        return torch.cat(heads)

    def encoded(self, layer, sequence: list[Tensor]) -> list[Tensor]:
        encoder = layer.encoder
        if self.config.layer.encoder == "none":
            return [encoder.weight @ x + encoder.bias for x in sequence]
        size = self.config.embedding_size
        hidden = cell = torch.zeros(size, dtype=sequence[0].dtype)
        found = []
        for x in sequence:
            given = encoder.input.weight @ x + encoder.input.bias
            back = encoder.state.weight @ hidden
            if self.config.layer.encoder == "lstm":
                let, forget, new, out = (given + back).split(size)
                cell = torch.sigmoid(forget) * cell + torch.sigmoid(let) * new.tanh()
                hidden = torch.sigmoid(out) * cell.tanh()
            else:
                back = back + encoder.state.bias
                r, z, n = given.split(size)
                rb, zb, nb = back.split(size)
                fresh = torch.tanh(n + torch.sigmoid(r + rb) * nb)
                gate = torch.sigmoid(z + zb)
                hidden = (1 - gate) * fresh + gate * hidden
            found.append(hidden)
        return found


def drawn_events(rng: np.random.Generator, count: int) -> list[tuple[int, int, int]]:
    """Events of five users and six items, with ties, repeats and whole days."""
    time = np.sort(rng.integers(0, 24, count)) * (DAY // 2)
    return [(int(rng.integers(0, 5)), int(rng.integers(0, 6)), int(t)) for t in time]
