// The request that does what was just done, to copy.

import { input, listen } from "./state.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
let form = "json";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const indented = (value) => JSON.stringify(value, null, 2);

/** JSON as Python writes it. */
const python = (value) => indented(value).replace(/^(\s*"(?:[^"\\]|\\.)*": |\s*)(true|false|null)(,?)$/gm, (_, before, word, comma) => before + { true: "True", false: "False", null: "None" }[word] + comma);

const FORMS = {
  json: (job) => indented(job),
  curl: (job, url) => `curl -X POST ${quoted(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(job))}`,
  python: (job, url) => `import requests\n\njob = ${python(job)}\nanswer = requests.post(${JSON.stringify(url)}, json=job, timeout=60)\nprint(answer.json())`,
  javascript: (job, url) => `const job = ${indented(job)};\nconst answer = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { "Content-Type": "application/json" },\n  body: JSON.stringify(job),\n});\nconsole.log(await answer.json());`,
};

function draw() {
  for (const tab of $("code-tabs").querySelectorAll("[data-code]")) tab.setAttribute("aria-selected", String(tab.dataset.code === form));
  $("code-text").textContent = FORMS[form]({ input: input() }, `${location.origin}/v2/${$("target").value || "local"}/run`);
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
