"use strict";
const place = document.getElementById("figure");
const said = document.getElementById("said");
let asked = 0;
let isDrawing = false;

function choices() {
  const query = new URLSearchParams();
  for (const field of document.querySelectorAll("select")) query.set(field.id, field.value);
  return query;
}

// The newest question wins: what an older one brings is left aside.
async function draw(query, view) {
  const mine = ++asked;
  said.textContent = "loading";
  let reply;
  try {
    reply = await fetch(`/figures/${place.dataset.name}?${query}`);
  } catch (error) {
    said.textContent = "the server cannot be reached";
    return;
  }
  const body = await reply.json();
  if (mine !== asked) return;
  if (!reply.ok) {
    said.textContent = typeof body.detail === "string" ? body.detail : "the question was refused";
    const wait = Number(reply.headers.get("Retry-After"));
    if (wait) setTimeout(() => mine === asked && draw(query, view), 1000 * wait);
    return;
  }
  const { data, layout } = fitted(body);
  if (view) {
    layout.xaxis.range = view.times;
    layout.yaxis.range = view.prices;
  }
  isDrawing = true;
  await Plotly.react(place, data, layout, config);
  isDrawing = false;
  const step = data[0].dx;
  const columns = step ? `one column every ${step / 60000} minutes; ` : "";
  said.textContent = columns + layout.meta.said;
  if (!place.dataset.drawn) place.on("plotly_relayout", refine);
  place.dataset.drawn = "yes";
  place.dataset.step = step || "";
}

// Zoomed in, the map is asked for anew, at the finest resolution that fits the window.
function refine(change) {
  if (isDrawing || place.dataset.name !== "heatmap") return;
  if (change["xaxis.autorange"]) return void draw(choices());
  const { xaxis, yaxis } = place.layout;
  if (!Object.keys(change).some((key) => key.startsWith("xaxis.range") || key.startsWith("yaxis.range"))) return;
  const iso = (time) => new Date(typeof time === "number" ? time : `${time.replace(" ", "T")}Z`).toISOString();
  const query = choices();
  query.delete("timeframe");
  query.set("start", iso(xaxis.range[0]));
  query.set("end", iso(xaxis.range[1]));
  query.set("price_low", Math.max(yaxis.range[0], 1e-9));
  query.set("price_high", yaxis.range[1]);
  draw(query, { times: [...xaxis.range], prices: [...yaxis.range] });
}

for (const field of document.querySelectorAll("select")) {
  field.addEventListener("change", () => draw(choices()));
}
draw(choices());
