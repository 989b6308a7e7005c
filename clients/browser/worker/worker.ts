/** Keeps the page itself, so that it opens without a network. */

const KEPT = "tidegraph-page";
const PAGE = ["./", "page.js", "style.css", "settings.json", "ort-wasm-simd-threaded.wasm"];

const worker = self as unknown as ServiceWorkerGlobalScope;

worker.addEventListener("install", (event) => {
  const kept = caches.open(KEPT).then((cache) => cache.addAll(PAGE));
  event.waitUntil(kept.then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  const scope = new URL(worker.registration.scope).pathname;
  const own = PAGE.some((name) => path === scope + name.replace("./", ""));
  // The bundle and the gate are asked themselves; the bundle is kept by the page.
  if (event.request.method !== "GET" || !own) return;
  event.respondWith(newestOf(event.request));
});

/** Return what the server has now, or what it had. */
async function newestOf(request: Request): Promise<Response> {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    // A page that cannot be kept is shown all the same.
    if (response.ok) await cache.put(request, response.clone()).catch(() => undefined);
    return response;
  } catch {
    return (await cache.match(request)) ?? Response.error();
  }
}
