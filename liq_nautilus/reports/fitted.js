"use strict";
const isNarrow = window.matchMedia("(max-width: 640px)").matches;
const isTouch = window.matchMedia("(pointer: coarse)").matches;
const config = {
  responsive: true,
  displaylogo: false,
  displayModeBar: isTouch ? true : "hover",
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
};

// A finger on a chart must scroll the page; a small screen has no room for scales and titles.
function fitted(figure) {
  const layout = figure.layout;
  if (isTouch) layout.dragmode = false;
  if (!isNarrow) return figure;
  layout.margin = { ...layout.margin, l: 46, r: 8, t: 44 };
  layout.legend = { ...layout.legend, font: { size: 11 }, itemwidth: 30, y: -0.1, yanchor: "top" };
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^[xy]axis/.test(name)) continue;
    delete axis.title;
    axis.nticks = name[0] === "x" ? 4 : Math.min(axis.nticks || 6, 6);
    axis.tickfont = { size: 10 };
    if (axis.side === "right") axis.visible = false;
  }
  for (const trace of figure.data) if (trace.type === "heatmap") trace.showscale = false;
  for (const note of layout.annotations || []) {
    note.font = { ...note.font, size: 10.5 };
  }
  return figure;
}
