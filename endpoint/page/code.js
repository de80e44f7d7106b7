// The request that does what was just done, to copy.

import { input, listen } from "./state.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
let form = "json";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const indented = (value) => JSON.stringify(value, null, 2);

/** JSON as Python writes it. */
const python = (value) => indented(value).replace(/^(\s*"(?:[^"\\]|\\.)*": |\s*)(true|false|null)(,?)$/gm, (_, before, word, comma) => before + { true: "True", false: "False", null: "None" }[word] + comma);

// `keyed`: RunPod wants its key, which nobody but the person's own environment knows.
const FORMS = {
  json: (job) => indented(job),
  curl: (job, url, keyed) => `curl -X POST ${quoted(url)} \\\n${keyed ? '  -H "Authorization: Bearer $RUNPOD_API_KEY" \\\n' : ""}  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(job))}`,
  python: (job, url, keyed) => `${keyed ? "import os\n" : ""}import requests\n\njob = ${python(job)}\n${keyed ? 'headers = {"Authorization": f"Bearer {os.environ[\'RUNPOD_API_KEY\']}"}\n' : ""}answer = requests.post(${JSON.stringify(url)}, json=job, ${keyed ? "headers=headers, " : ""}timeout=60)\nprint(answer.json())`,
  javascript: (job, url, keyed) => `const job = ${indented(job)};\nconst answer = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { ${keyed ? '"Authorization": `Bearer ${process.env.RUNPOD_API_KEY}`, ' : ""}"Content-Type": "application/json" },\n  body: JSON.stringify(job),\n});\nconsole.log(await answer.json());`,
};

/** RunPod's workers cannot read this endpoint's files: the person's own address stands for each. */
const elsewhere = (job) => JSON.parse(JSON.stringify(job, (_, value) => (typeof value === "string" && value.startsWith(`${location.origin}/files/`) ? `https://media.example.com/${new URL(value).pathname.split("/").at(-1)}` : value)));

function draw() {
  for (const tab of $("code-tabs").querySelectorAll("[data-code]")) tab.setAttribute("aria-selected", String(tab.dataset.code === form));
  const keyed = $("target").selectedIndex < $("target").length - 1;
  const job = { input: input() };
  $("code-text").textContent = FORMS[form](keyed ? elsewhere(job) : job, `${keyed ? "https://api.runpod.ai" : location.origin}/v2/${$("target").value || "local"}/run`, keyed);
}

export function startCode() {
  for (const tab of $("code-tabs").querySelectorAll("[data-code]")) tab.addEventListener("click", () => { form = tab.dataset.code; draw(); });
  $("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText($("code-text").textContent);
    $("copy").textContent = say("copied");
    setTimeout(() => { $("copy").textContent = say("copy"); }, 1500);
  });
  listen(draw);
}
