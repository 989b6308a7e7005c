// Drives the page in a real browser for the tests: one command a line, one answer a line.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [address, executablePath] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const context = await browser.newContext();
const page = await context.newPage();
const troubles = [];
let [lacking, scripted] = [null, false];
const sent = [];
page.on("request", (request) => {
  if (request.method() === "POST") {
    const body = request.postDataBuffer();
    sent.push([new URL(request.url()).pathname, body ? body.length : 0]);
  }
});
page.on("pageerror", (error) => troubles.push(String(error)));

const commands = {
  async open() {
    await page.goto(lacking ? `${address}?lacks=${lacking}` : address);
    await settled();
    return text("#status");
  },
  async offline(on) {
    await context.setOffline(on);
  },
  async list() {
    return page.$$eval("#list button", (all) => all.map((one) => one.dataset.item));
  },
  async choose(item) {
    const before = await text("#facts");
    await page.click(`#list button[data-item="${item}"]`);
    for (let n = 0; n < 100 && (await text("#facts")) === before; n++) await pause();
    return text("#facts");
  },
  async others() {
    const before = await text("#list");
    await page.click("#other");
    for (let n = 0; n < 100 && (await text("#list")) === before; n++) await pause();
  },
  async press_item(item) {
    await page.click(`#list button[data-item="${item}"]`);
  },
  // A browser that lacks something; each takes the place of the one before.
  async without(name) {
    lacking = name;
    if (!scripted) await page.addInitScript(() => {
      const lacks = new URLSearchParams(location.search).get("lacks");
      if (lacks) Object.defineProperty(globalThis, lacks, { value: undefined });
    });
    scripted = true;
  },
  async press(id) {
    await page.click(`#${id}`);
  },
  text,
  async until(selector, part) {
    for (let n = 0; n < 300; n++) {
      const found = await text(selector);
      if (found.includes(part)) return found;
      await pause();
    }
    throw new Error(`${selector} says ${await text(selector)}, not ${part}`);
  },
  async table() {
    return page.$$eval("#after tr", (rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
    );
  },
  // Runs a function of (library, argument), as a page of one's own would.
  async run(source, argument) {
    const body = new Function(`return ${source}`)();
    const library = await page.evaluateHandle(() => import("./index.js"));
    return page.evaluate(body, [library, argument]);
  },
  async quota(bytes) {
    const session = await context.newCDPSession(page);
    const origin = new URL(address).origin;
    const quota = bytes < 0 ? {} : { quotaSize: bytes };
    await session.send("Storage.overrideQuotaForOrigin", { origin, ...quota });
  },
  async picture(path) {
    await page.setViewportSize({ width: 1100, height: 820 });
    await page.screenshot({ path, fullPage: true });
  },
  // Every message that left the page: its path, and how many bytes it had.
  async sent() {
    return sent;
  },
  async troubles() {
    return troubles;
  },
};

async function text(selector) {
  return (await page.textContent(selector)) ?? "";
}

async function settled() {
  for (let n = 0; n < 300; n++) {
    if (!(await text("#status")).includes("Loading")) return;
    await pause();
  }
  throw new Error("the page is still loading");
}

function pause() {
  return new Promise((done) => setTimeout(done, 100));
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  try {
    const answer = await commands[name](...given);
    console.log(JSON.stringify({ answer: answer ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack ?? error) }));
  }
}
await browser.close();
