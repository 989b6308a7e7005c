/** How the device learns its numbers; `tidegraph.device.client` does the same. */

import type { Labelled, Model } from "./model.ts";

/** A share of actions is taken to be no nearer to none, or to all. */
const SUREST = 1e-3;
/** Share of theta that is begun with where all of it tells the rows worse than none. */
const LITTLE = 0.05;
/** Of so many lists the latest one judges what was learnt from the others. */
const HELD_OUT = 5;
/** From so many rows, the latest, a device learns at most: a gate believes no more. */
const MOST_SAMPLES = 5_000;

export interface Lesson {
  theta: Float32Array;
  /** Loss of the latest lists without theta, and with it, in nats. */
  before: number;
  after: number;
  /** How many rows were learnt from. */
  samples: number;
  /** Is theta to be kept? Not if it tells the latest lists worse. */
  kept: boolean;
  /** Why no step was taken, if none was. */
  whyNot: string | null;
}

/**
 * Learn from lists.
 *
 * @param groups The list of each row, rising.
 * @param before Theta under the bundle before; null where there was none.
 */
export async function learn(
  model: Model,
  rows: Labelled,
  groups: number[],
  before: Float32Array | null,
): Promise<Lesson> {
  const zero = new Float32Array(model.theta);
  const lists = [...new Set(groups)];
  const count = Math.max(1, Math.floor(lists.length / HELD_OUT));
  const held = new Set(lists.slice(-count));
  const early = groups.map((group) => !held.has(group));
  let room = early.filter(Boolean).length - MOST_SAMPLES;
  // The oldest rows go, where there are more than there may be.
  const known = taken(rows, early.map((is) => is && room-- <= 0));
  const whyNot = lists.length < 2 ? "two lists teach, one does not." : reasonNot(known);
  if (whyNot) {
    const said = `no step was taken: ${whyNot}`;
    return { theta: zero, before: NaN, after: NaN, samples: 0, kept: false, whyNot: said };
  }
  const more = model.local.correct ? await shift(model, known) : 0;
  const [learnt, late] = [known, taken(rows, early.map((is) => !is))].map((part) => {
    return { ...part, offset: part.offset.map((one) => one + more) };
  }) as [Labelled, Labelled];
  let theta = await model.start(known, before ?? zero);
  if ((await lossOf(model, learnt, theta)) > (await lossOf(model, learnt, zero))) {
    theta = theta.map((one) => LITTLE * one);
  }
  const { steps, rate, precision } = model.local;
  const weight = learnt.weight.reduce((sum, one) => sum + one, 0);
  const kept = 1 / (1 + (rate * precision) / Math.max(weight, 1e-9));
  for (let n = 0; n < steps; n++) {
    ({ theta } = await model.step(learnt, theta, rate));
    theta = theta.map((one) => kept * one);
  }
  const [plain, own] = [await lossOf(model, late, zero), await lossOf(model, late, theta)];
  const samples = known.label.length;
  return { theta, before: plain, after: own, samples, kept: own <= plain, whyNot: null };
}

/** Return the loss of rows under a theta, in nats. */
async function lossOf(
  model: Model,
  rows: Labelled,
  theta: Float32Array,
): Promise<number> {
  // A step of no length says the loss alone.
  return (await model.step(rows, theta, 0)).loss;
}

/** Return how much more or less often this user acts than the model says, in logits. */
export async function shift(model: Model, rows: Labelled): Promise<number> {
  const likely = await model.score(rows, new Float32Array(model.theta));
  const total = rows.weight.reduce((sum, one) => sum + one, 0);
  const mean = (of: Float32Array) =>
    of.reduce((sum, one, n) => sum + one * rows.weight[n]!, 0) / total;
  return odds(mean(rows.label)) - odds(mean(likely));
}

/** Return the logit of a share, which is neither none nor all. */
function odds(share: number): number {
  const sure = Math.min(Math.max(share, SUREST), 1 - SUREST);
  return Math.log(sure / (1 - sure));
}

function reasonNot(rows: Labelled): string | null {
  const count = rows.label.length;
  const acted = rows.label.reduce((sum, one) => sum + one, 0);
  if (count < 2) {
    const what = count ? "one event" : "no events";
    return `the device has ${what}, and that teaches no order.`;
  }
  if (acted === 0 || acted === count) {
    const what = acted ? "acted on" : "passed over";
    return `all ${count} items of the device were ${what}, so nothing tells them apart.`;
  }
  return null;
}

function taken(rows: Labelled, which: boolean[]): Labelled {
  const width = rows.x.length / Math.max(rows.label.length, 1);
  const some = (part: Float32Array) => part.filter((_, n) => which[n]!);
  return {
    x: rows.x.filter((_, n) => which[Math.floor(n / width)]!),
    offset: some(rows.offset),
    label: some(rows.label),
    weight: some(rows.weight),
  };
}
