"use strict";
const page = JSON.parse(document.getElementById("data").textContent);

function milliseconds(text) {
  return Date.parse(text.replace(" ", "T") + "Z");
}

// The whole run is drawn coarsely; the fine grid travels as 16-bit shares of its maximum.
function fineGrid(fine) {
  const bytes = Uint8Array.from(atob(fine.cells), (letter) => letter.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

function fineView(fine, cells, [left, right], [bottom, top]) {
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  const firstColumn = within(Math.floor((left - fine.x0) / fine.dx), fine.columns - 1);
  const lastColumn = within(Math.ceil((right - fine.x0) / fine.dx), fine.columns - 1);
  const firstRow = within(Math.floor((bottom - fine.y0) / fine.dy), fine.rows - 1);
  const lastRow = within(Math.ceil((top - fine.y0) / fine.dy), fine.rows - 1);
  const z = [];
  for (let row = firstRow; row <= lastRow; row++) {
    const start = row * fine.columns;
    const part = cells.subarray(start + firstColumn, start + lastColumn + 1);
    z.push(Array.from(part, (share) => (share === 65535 ? null : share * fine.unit)));
  }
  return {
    z: [z], zmax: fine.zmax, hovertemplate: fine.hover,
    x0: fine.x0 + firstColumn * fine.dx, dx: fine.dx,
    y0: fine.y0 + firstRow * fine.dy, dy: fine.dy,
  };
}

// Zoomed to less than half of the run, or of its prices, the map shows the fine grid.
function refineOnZoom(map, fine) {
  const cells = fineGrid(fine);
  const { z, x0, dx, y0, dy, zmax, hovertemplate } = map.data[0];
  const coarse = { z: [z], x0, dx, y0, dy, zmax, hovertemplate };
  // New cells make Plotly guess the axes' types anew, unless they are stated with them.
  const types = { "xaxis.type": "date", "yaxis.type": "linear" };
  let isFine = false;
  map.on("plotly_relayout", () => {
    const times = map.layout.xaxis.range.map(milliseconds);
    const prices = map.layout.yaxis.range;
    const isClose = times[1] - times[0] < 0.5 * fine.columns * fine.dx
      || prices[1] - prices[0] < 0.5 * fine.rows * fine.dy;
    if (isClose) Plotly.update(map, fineView(fine, cells, times, prices), types, [0]);
    else if (isFine) Plotly.update(map, coarse, types, [0]);
    isFine = isClose;
    map.dataset.resolution = isFine ? "fine" : "coarse";
  });
}

for (const [name, figure] of Object.entries(page.figures)) {
  const place = document.getElementById(name);
  const { data, layout } = fitted(figure);
  Plotly.newPlot(place, data, layout, config).then(() => {
    if (page.fine[name]) refineOnZoom(place, page.fine[name]);
    place.dataset.drawn = "yes";
  });
}
