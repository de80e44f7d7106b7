// The endpoint that served this page. Nothing else is ever asked.

let token = "";
export const useToken = (text) => { token = text; };

/** An answer of the endpoint that is no success; `message` is its own sentence. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(options.body ? { "Content-Type": "application/json" } : {}) };
  const answer = await fetch(path, { ...options, headers });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, typeof body.error === "string" ? body.error : `HTTP ${answer.status}`);
  return body;
}

const post = (path, body, signal) => ask(path, { method: "POST", body: JSON.stringify(body ?? {}), signal });

export const about = () => ask("/endpoint");
export const health = (target) => ask(`/v2/${target}/health`);

/** Why a job in the queue is not taken, as [one of words.js, what it needs]; null where nothing is known. */
export async function waitsFor(target) {
  const { workers = {}, unfit } = await health(target).catch(() => ({}));
  if (workers.idle || workers.ready) return null;
  if (workers.running) return ["queued-busy", { number: workers.running }];
  if (unfit) return ["queued-unfit", { why: unfit }];
  for (const state of ["initializing", "unhealthy", "throttled"]) if (workers[state]) return [`queued-${state}`, {}];
  return null;
}

export const schema = () => ask("/schema/fields.schema.json");
export const run = (target, input) => post(`/v2/${target}/run`, { input });
export const status = (target, id) => ask(`/v2/${target}/status/${encodeURIComponent(id)}`);
export const film = (target, id) => ask(`/v2/${target}/film/${encodeURIComponent(id)}`);
export const cancel = (target, id) => post(`/v2/${target}/cancel/${encodeURIComponent(id)}`);

/** What the job would take: the worker's own dry run. */
export async function quote(target, input, signal) {
  let answer = await post(`/v2/${target}/runsync?wait=60000`, { input: { ...input, dry_run: true } }, signal);
  while (["IN_QUEUE", "IN_PROGRESS"].includes(answer.status)) {
    await pause(1000);
    signal?.throwIfAborted();
    answer = await status(target, answer.id);
  }
  return answer;
}

export const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** Put a file into the endpoint's store; resolves to the address that a worker can read. */
export async function upload(file, name, onPercent) {
  const offer = await post("/files", { name, size: file.size });
  await new Promise((done, fail) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
    request.open("PUT", offer.upload.url);
    request.upload.onprogress = (event) => onPercent(Math.floor((100 * event.loaded) / event.total));
    request.onload = () => {
      if (request.status < 300) done();
      else fail(new ApiError(request.status, JSON.parse(request.responseText || "{}").error ?? `HTTP ${request.status}`));
    };
    request.onerror = () => fail(new TypeError("the upload was cut"));
    request.send(file);
  });
  return offer.url;
}
