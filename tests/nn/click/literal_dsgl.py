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
        encoded = self.encoded(layer, sequence, [time for _, time in past], clock)
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
        rows = (layer, encoded, more)
        liked = layer.query.weight @ centre + layer.query.bias
        wanted = liked
        if config.attention in ("second_order", "dual"):
            wanted = layer.query_of_parent.weight @ parent
        if config.attention == "dual":
            nothing = [0.0 for _ in past]
            preference = self.answered(*rows, nothing, liked)
            target = self.answered(*rows, extra, wanted)
            whole = torch.cat([layer.preference.weight, layer.target.weight], dim=1)
            return whole @ torch.cat([preference, target]) + layer.preference.bias
        query = liked + wanted if config.attention == "second_order" else liked
        return self.answered(*rows, extra, query)

    def answered(self, layer, encoded, more, extra, query: Tensor) -> Tensor:
        """What a query finds, head by head and neighbour by neighbour."""
        config = self.config.layer
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

    def encoded(
        self, layer, sequence: list[Tensor], times: list[int], clock: int
    ) -> list[Tensor]:
        encoder = layer.encoder
        if self.config.layer.encoder == "transformer":
            return causal_block(encoder, sequence, self.config.layer.heads)
        if self.config.layer.encoder == "time_lstm":
            later = [*times[1:], clock]
            gaps = [(b - a) / DAY for a, b in zip(times, later, strict=True)]
            return time_lstm(encoder, sequence, [math.log(1 + gap) for gap in gaps])
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


def time_lstm(units, sequence: list[Tensor], gaps: list[float]) -> list[Tensor]:
    """Time-LSTM 1 of Zhu et al. (2017), equations 5 to 9, gate by gate."""
    x_i, x_f, x_c, x_o, x_t = units.input.weight.chunk(5)
    b_i, b_f, b_c, b_o, b_t = units.input.bias.chunk(5)
    h_i, h_f, h_c, h_o = units.state.weight.chunk(4)
    d_t, d_o = units.gap.weight[:, 0].chunk(2)
    c_i, c_f, c_o = units.cell.weight
    s = torch.sigmoid
    h = c = torch.zeros_like(b_i)
    found = []
    for x, d in zip(sequence, gaps, strict=True):
        i = s(x_i @ x + h_i @ h + c_i * c + b_i)
        f = s(x_f @ x + h_f @ h + c_f * c + b_f)
        t = s(x_t @ x + s(d * d_t) + b_t)
        c = f * c + i * t * torch.tanh(x_c @ x + h_c @ h + b_c)
        o = s(x_o @ x + d * d_o + h_o @ h + c_o * c + b_o)
        h = o * torch.tanh(c)
        found.append(h)
    return found


def causal_block(encoder, sequence: list[Tensor], heads: int) -> list[Tensor]:
    """A block of Vaswani et al. (2017), normalised first, neighbour by neighbour."""
    (block,) = encoder.blocks.blocks
    attention = block.attention

    def line(part, x):
        return part.weight @ x + part.bias

    def normed(part, x):
        apart = x - x.mean()
        return apart / torch.sqrt((apart**2).mean() + 1e-5) * part.weight + part.bias

    places = encoder.place.weight[: len(sequence)].flip(0)
    xs = [
        line(encoder.input, x) + place
        for x, place in zip(sequence, places, strict=True)
    ]
    ys = [normed(block.norms[0], x) for x in xs]
    part = len(xs[0]) // heads
    found = []
    for n, x in enumerate(xs):
        asked = line(attention.query, ys[n])
        each = []
        for head in range(heads):
            at = slice(head * part, (head + 1) * part)
            scores = [
                line(attention.key, y)[at] @ asked[at] / math.sqrt(part)
                for y in ys[: n + 1]
            ]
            total = sum(torch.exp(score) for score in scores)
            each.append(
                sum(
                    torch.exp(score) / total * line(attention.value, y)[at]
                    for score, y in zip(scores, ys, strict=False)
                )
            )
        x = x + line(attention.out, torch.cat(each))
        inner = line(block.first, normed(block.norms[1], x)).clamp(min=0)
        x = x + line(block.second, inner)
        found.append(normed(encoder.blocks.norm, x))
    return found


def drawn_events(rng: np.random.Generator, count: int) -> list[tuple[int, int, int]]:
    """Events of five users and six items, with ties, repeats and whole days."""
    time = np.sort(rng.integers(0, 24, count)) * (DAY // 2)
    return [(int(rng.integers(0, 5)), int(rng.integers(0, 6)), int(t)) for t in time]
