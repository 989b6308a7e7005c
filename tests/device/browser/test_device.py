"""A device in the browser: what it learns from, keeps, and says moved an item."""

import numpy as np

STUB = """
  const items = [...Array(30).keys()].map((n) => (
    { id: `i${n}`, name: `Item ${n}`, category: null, rows: [n + 1, n % 3 + 1],
      numbers: [Number(n % 3 === 1)] }));
  const catalogue = new tide.Catalogue(items, 6, 1);
  const histories = [];
  const logit = (rows, t, n) => t[0] * rows.x[2 * n] + t[1] * rows.x[2 * n + 1];
  const likely = (rows, t) =>
    rows.offset.map((_, n) => 1 / (1 + Math.exp(-logit(rows, t, n))));
  // x is an item's kind, and the share of the history that there is.
  const model = {
    catalogue, theta: 2, local: { steps: 5, rate: 0.5, correct: true, precision: 2 },
    async rows(ids, past, now) {
      const { realStep } = catalogue.inputs(ids, past, now);
      const events = realStep.reduce((sum, one) => sum + one, 0);
      histories.push(events);
      const x = ids.flatMap((id) => [catalogue.byId.get(id).numbers[0], events / 6]);
      return { x: Float32Array.from(x), offset: new Float32Array(ids.length) };
    },
    async score(rows, theta) { return likely(rows, theta); },
    async step(rows, theta, rate) {
      let loss = 0;
      const [gradient, count] = [[0, 0], rows.label.length];
      likely(rows, theta).forEach((p, n) => {
        const y = rows.label[n];
        loss -= Math.log(y ? p : 1 - p) / count;
        for (const m of [0, 1]) gradient[m] += (p - y) * rows.x[2 * n + m] / count;
      });
      return { theta: theta.map((one, m) => one - rate * gradient[m]), loss };
    },
    async start(rows, before) { return before; },
  };
  const manifest = { version: 2, expires: 4e9 };
  const bundle = { manifest, digest: new Uint8Array(32), files: {} };
  const store = await tide.Store.open();
  const gate = { async forget() {}, async upload() {} };
  const started = () => new tide.Device(bundle, model, null, store, gate);
  const device = started();
  const like = (...some) => some.reduce(async (done, n) => {
    await done;
    await device.keep(["i0", "i2", "i3", `i${n}`], `i${n}`);
  }, null);
"""


def stubbed(page, body):
    """Return what some lines of script return, of a device whose model is simple."""
    return page.run(f"async ([tide]) => {{ {STUB} {body} }}", None)


def test_what_moved_an_item_is_a_choice_that_was_learnt_from_and_is_known(page):
    blamed = stubbed(
        page,
        """
        await like(1, 4, 7);
        await device.keep(["gone", "i0"], "gone");
        await device.keep(["i16", "i19", "i22", "i6"], "i6");
        await like(10, 13);
        const { kept } = await device.learn();
        const now = (await device.moved(4)).map((one) => one.because);
        await like(5, 8, 11, 14, 17, 20, 23, 26, 29, 9);
        return [kept, now, (await device.moved(4)).map((one) => one.because)];
        """,
    )

    learnt_from = {"i1", "i4", "i7", "i10", "i13"}
    assert blamed[0]
    for because in blamed[1:]:
        assert set(because) <= learnt_from


def test_a_clock_that_was_ahead_empties_no_history(page):
    assert stubbed(
        page,
        """
        const clock = Date.now;
        Date.now = () => clock() + 2 * 365 * 86_400_000;
        await like(1);
        Date.now = clock;
        await like(4, 7, 10);
        histories.length = 0;
        await device.list(5);
        await device.moved(5);
        return histories;
        """,
    ) == [4, 4]


def test_what_one_window_forgets_is_forgotten_in_the_others(page):
    found = stubbed(
        page,
        """
        await like(1, 4, 7, 10, 13);
        const other = started();
        await other.learn();
        await device.forget();
        const { whyNot } = await other.learn();
        const kept = [await store.get("learnt"), await store.shown()];
        const sent = await other.send(null).catch((error) => error.message);
        return [whyNot, kept, other.choices, other.personal, sent];
        """,
    )

    none = "no step was taken: two lists teach, one does not."
    nothing = "there is nothing to send: nothing was learnt yet"
    assert found == [none, [None, []], 0, False, nothing]


def test_what_is_forgotten_while_another_window_learns_is_not_kept(page):
    found = stubbed(
        page,
        """
        await like(1, 4, 7, 10, 13);
        const step = model.step;
        model.step = async (...given) => {
          await device.forget();
          return step(...given);
        };
        const said = await started().learn().catch((error) => error.message);
        return [said, await store.get("learnt"), await store.shown()];
        """,
    )

    gone = "nothing is kept: another window has forgotten the choices"
    assert found == [gone, None, []]


def test_a_device_begins_at_little_of_what_tells_its_rows_worse_than_none(page):
    good, bad = stubbed(
        page,
        """
        const rows = {
          x: Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0]), offset: new Float32Array(4),
          label: Float32Array.from([1, 0, 1, 0]), weight: new Float32Array(4).fill(1),
        };
        const begun = async (place) => {
          const start = async () => Float32Array.from([place, 0]);
          const local = { steps: 0, rate: 1, correct: true, precision: 0 };
          const still = { ...model, local, start };
          return [...(await tide.learn(still, rows, [0, 0, 1, 1], null)).theta];
        };
        return Promise.all([begun(0.5), begun(-0.5)]);
        """,
    )
    assert good == [0.5, 0]
    assert np.allclose(bad, [-0.025, 0])


def test_a_user_with_too_little_to_learn_is_told_why(page):
    found = page.run(
        """async ([tide]) => {
          const rows = (label) => ({
            x: new Float32Array(label.length), offset: new Float32Array(label.length),
            label: Float32Array.from(label),
            weight: new Float32Array(label.length).fill(1),
          });
          const model = { theta: 2, local: {} };
          const why = async (label, groups) =>
            (await tide.learn(model, rows(label), groups, null)).whyNot;
          return Promise.all([
            why([], []), why([1, 0], [0, 0]), why([1, 1], [0, 1]),
            why([1, 1, 1], [0, 0, 1]), why([0, 0, 1], [0, 0, 1]),
          ]);
        }""",
        None,
    )
    none, said = "no step was taken: ", "two lists teach, one does not."
    apart = "so nothing tells them apart."
    assert found == [
        none + said,
        none + said,
        none + "the device has one event, and that teaches no order.",
        none + "all 2 items of the device were acted on, " + apart,
        none + "all 2 items of the device were passed over, " + apart,
    ]
