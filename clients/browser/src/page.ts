/** The page of the demonstration: lists, choices, and what was learnt from them. */

import { unhex } from "./bundle.ts";
import { Device, type Ranked } from "./device.ts";
import { DeviceError } from "./errors.ts";

const LONG = 10;
const ENOUGH = 3;

let device: Device;
let shown: Ranked[] = [];
const passed = new Set<string>();

const part = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const name = (id: string) => device.model.catalogue.byId.get(id)!;

async function start(): Promise<void> {
  const settings = await (await fetch("settings.json")).json();
  const here = new URL(".", location.href).href;
  device = await Device.start({
    bundle: new URL("v1/bundle/", here).href,
    gate: here,
    trusted: unhex(settings.trusted),
    runtime: new URL("ort-wasm-simd-threaded.wasm", here).href,
  });
  // Without it the page is as good, as long as there is a network.
  await navigator.serviceWorker?.register("worker.js").catch(() => undefined);
  part("size").textContent = String(device.model.theta);
  const { version } = device.bundle.manifest;
  const items = device.model.catalogue.items.length;
  const warning = device.warning && sentence(device.warning);
  say(warning ?? `Bundle ${version}, ${items} items.`, warning !== null);
  await refresh();
  if (device.personal) {
    part("lesson").textContent = "What was learnt here before is at work.";
    await compare();
  }
}

async function refresh(): Promise<void> {
  shown = await device.list(LONG, passed);
  const entries = shown.map(({ id }) => {
    const button = document.createElement("button");
    const kind = document.createElement("small");
    button.type = "button";
    button.dataset["item"] = id;
    kind.textContent = name(id).category ?? "";
    button.append(name(id).name, kind);
    button.onclick = () => guarded(() => choose(id));
    const entry = document.createElement("li");
    entry.append(button);
    return entry;
  });
  part("list").replaceChildren(...entries);
  const more = ENOUGH - device.choices;
  part<HTMLButtonElement>("learn").disabled = more > 0;
  part<HTMLButtonElement>("send").disabled = !device.personal;
  // Another window may have forgotten what was learnt.
  if (!device.personal) part("after").closest("table")!.hidden = true;
  const kept = device.choices === 1 ? "1 choice is" : `${device.choices} choices are`;
  part("facts").textContent = `${kept} kept here and nowhere else.`;
}

async function choose(id: string): Promise<void> {
  await device.keep(
    shown.map((one) => one.id),
    id,
  );
  passed.clear();
  await refresh();
}

async function others(): Promise<void> {
  for (const { id } of shown) passed.add(id);
  await refresh();
  if (!shown.length) {
    passed.clear();
    await refresh();
  }
}

async function learn(): Promise<void> {
  const began = performance.now();
  const lesson = await device.learn();
  const took = Math.round(performance.now() - began);
  const losses = `${lesson.before.toFixed(3)} to ${lesson.after.toFixed(3)}`;
  const fate = lesson.kept ? "kept" : "not kept, as it tells your latest lists worse";
  // The list first: to find out why each item moved, learning begins anew ten times.
  await refresh();
  part("lesson").textContent =
    lesson.whyNot ??
    `Learnt from ${lesson.samples} rows in ${took} ms; loss of the latest lists ${losses}: ${fate}.`;
  if (lesson.kept) await compare();
}

async function compare(): Promise<void> {
  const moved = await device.moved(LONG);
  const rows = moved.map((one) => {
    const row = document.createElement("tr");
    const cells = [
      String(one.now),
      name(one.id).name,
      one.before === one.now ? "same" : `${one.before > one.now ? "▲" : "▼"} ${one.before}`,
      one.because && one.before > one.now ? `you chose ${name(one.because).name}` : "",
    ];
    for (const text of cells) row.insertCell().textContent = text;
    if (one.before !== one.now) {
      row.cells[2]!.className = one.before > one.now ? "up" : "down";
    }
    return row;
  });
  part("after").replaceChildren(...rows);
  part("after").closest("table")!.hidden = false;
}

async function send(): Promise<void> {
  await device.send(async () => {
    const answer = await fetch("ticket", { method: "POST" });
    if (!answer.ok) throw new DeviceError("no ticket to enrol with was given. Try later.");
    return new Uint8Array(await answer.arrayBuffer());
  });
  const many = device.model.theta;
  say(
    `The gate has ${many} numbers of yours, from how many rows they were learnt, and how well they tell the latest. No choice was sent, and nothing else.`,
    false,
  );
}

async function forget(): Promise<void> {
  try {
    await device.forget();
    say("Forgotten, here and at the gate.", false);
  } finally {
    // Whatever the gate answers.
    passed.clear();
    part("lesson").textContent = "Nothing was learnt yet.";
    await refresh();
  }
}

function say(text: string, bad: boolean): void {
  const status = part("status");
  status.textContent = text;
  status.toggleAttribute("data-bad", bad);
}

async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    say(error instanceof DeviceError ? sentence(error.message) : `Something broke: ${error}`, true);
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

part("other").onclick = () => guarded(others);
part("learn").onclick = () => guarded(learn);
part("send").onclick = () => guarded(send);
part("forget").onclick = () => guarded(forget);
void guarded(start);
