// The fields, made from the published schema: a new field of the worker appears here by itself.

import { change, listen, state } from "./state.js";
import { choiceName, fieldName, say } from "./words.js";

const FRONT = ["quality", "mode", "resolution", "positive_prompt"];
// The stage, the timeline and the page itself send these.
const ELSEWHERE = ["image_url", "video_url", "audio_urls", "speakers", "timing", "dry_run", "preview", "output_key", "upload_url", "metadata", "scenes"];
const LONG = ["positive_prompt", "negative_prompt"];
const $ = (id) => document.getElementById(id);
let properties = {};

/** The branches of a field's type, less "not sent". */
const branches = (field) => (field.anyOf ?? [field]).filter((branch) => branch.type !== "null");

function choicesOf(field) {
  const lists = branches(field).map((branch) => branch.enum ?? (branch.const === undefined ? null : [branch.const]));
  if (lists.some((list) => !list)) return null;
  return [...new Map(lists.flat().filter((one) => typeof one === "string" || !lists.flat().includes(`${one}p`)).map((one) => [String(one), one])).values()];
}

function set(name, value) {
  change("fields", () => {
    if (value === undefined || value === "" || value === properties[name].default) delete state.fields[name];
    else state.fields[name] = value;
  });
}

const shown = (value) => (typeof value === "string" && value.length > 60 ? `${value.slice(0, 60)} …` : String(value));
const OWN_USUAL = { resolution: "follows-picture" }; // what happens where nothing is sent, in the page's words
const usual = (field, name) => name in OWN_USUAL ? say(OWN_USUAL[name]) : (field.default === null || field.default === undefined ? say("as-usual") : say("default", { value: shown(field.default) }));

function select(name, choices, field) {
  const control = document.createElement("select");
  control.append(new Option(usual(field, name), ""), ...choices.map((choice) => new Option(choiceName(choice, name), JSON.stringify(choice))));
  control.value = name in state.fields ? JSON.stringify(state.fields[name]) : "";
  control.onchange = () => set(name, control.value === "" ? undefined : JSON.parse(control.value));
  return control;
}

function number(name, branch, field) {
  const control = document.createElement("input");
  Object.assign(control, { type: "number", step: branch.type === "integer" ? "1" : "any", placeholder: usual(field, name), value: state.fields[name] ?? "" });
  for (const [key, limit] of [["min", branch.minimum], ["max", branch.maximum]]) if (limit !== undefined) control[key] = limit;
  control.oninput = () => { if (control.checkValidity()) set(name, control.value === "" ? undefined : Number(control.value)); };
  return control;
}

function text(name, field) {
  const control = document.createElement(LONG.includes(name) ? "textarea" : "input");
  Object.assign(control, { placeholder: usual(field, name), value: state.fields[name] ?? "", maxLength: branches(field)[0].maxLength ?? 2000 });
  control.oninput = () => set(name, control.value);
  return control;
}

/** A control for a field, or nothing where none is known for its type. */
function controlOf(name, field) {
  const choices = choicesOf(field);
  if (choices) return select(name, choices, field);
  const [first] = branches(field);
  if (first.type === "boolean") return select(name, [true, false], field);
  if (["integer", "number"].includes(first.type)) return number(name, first, field);
  if (first.type === "string" || branches(field).some((branch) => branch.type === "string")) {
    const listed = branches(field).flatMap((branch) => branch.enum ?? []).filter((one) => typeof one === "string");
    return listed.length ? withList(name, field, listed) : text(name, field);
  }
  return null;
}

/** A text with some values to choose from, such as a size. */
function withList(name, field, listed) {
  const control = text(name, field);
  const list = document.createElement("datalist");
  list.id = `list-${name}`;
  list.append(...listed.map((one) => new Option(one, one)));
  control.setAttribute("list", list.id);
  control.after(list);
  return [control, list];
}

function draw() {
  const rows = { front: [], experts: [] };
  for (const [name, field] of Object.entries(properties)) {
    const controls = ELSEWHERE.includes(name) ? null : controlOf(name, field);
    if (!controls) continue;
    const label = document.createElement("label");
    const title = document.createElement("span");
    title.textContent = fieldName(name);
    label.append(title, ...[controls].flat());
    const control = [controls].flat()[0];
    control.id = `field-${name}`;
    if (!FRONT.includes(name) && field.description) {
      const hint = document.createElement("span");
      hint.className = "hint";
      hint.textContent = field.description;
      label.append(hint);
    }
    rows[FRONT.includes(name) ? "front" : "experts"].push(label);
  }
  const order = (label) => FRONT.indexOf(label.querySelector("[id^=field-]").id.slice("field-".length));
  $("front").replaceChildren(...rows.front.sort((one, other) => order(one) - order(other)));
  $("experts").replaceChildren(...rows.experts);
}

/** Whether the worker has this field: an older one may lack what this page could use. */
export const knows = (name) => name in properties;

export function startForm(schema) {
  properties = schema.properties;
  listen((what) => { if (what === "all") draw(); });
}
