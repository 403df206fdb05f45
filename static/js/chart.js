"use strict";
// Draws the table below the chart, which is its only source. On the overview: servers that
// became ready above the line, destroyed ones below it, failed creates as dots. On a
// template's page (data-kind="boots"): boot times as two lines.
{
  const HEIGHT = 200;
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  let box = null;
  let chart = null;
  let shown = "";

  const read = () => {
    const rows = [...document.querySelectorAll("#steps tbody tr")];
    const column = (index) => rows.map((row) => Number(row.cells[index].textContent));
    const at = rows.map((row) => Number(row.dataset.at));
    if (document.getElementById("chart")?.dataset.kind === "boots") {
      const seconds = (name) => rows.map((row) => (row.dataset[name] ? Number(row.dataset[name]) : null));
      return [at, seconds("low"), seconds("high")];
    }
    return [at, column(1), column(2).map((count) => -count), column(3).map((count) => count || null)];
  };

  // Canvas does not support light-dark(), so an element's computed colour is read.
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    box.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  function draw() {
    const data = read();
    if (!data[0].length) return;
    chart?.destroy();
    const soft = colour("soft");
    const line = { stroke: colour("line"), width: 1 };
    const step = data[0][1] - data[0][0];
    const bars = uPlot.paths.bars({ size: [0.7, 40], radius: 0.15 });
    const axis = { stroke: soft, grid: line, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const days = step > 3600; // a range of more than a day shows dates
    // Days are counted in UTC; hours are shown in the reader's zone.
    const zoned = (at) => (days ? uPlot.tzDate(new Date(at * 1000), "UTC") : new Date(at * 1000));
    const name = uPlot.fmtDate(!days ? "{HH}:{mm}" : "{D} {MMM}");
    const isBoots = box.dataset.kind === "boots";
    const curve = (label, tone) => ({ label, stroke: colour(tone), width: 2, spanGaps: true, points: { show: true, size: 6, fill: colour(tone) } });
    const bar = (label, tone) => ({ label, fill: colour(tone), width: 0, paths: bars, points: { show: false } });
    chart = new uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT,
        tzDate: zoned,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { range: (_, from, to) => [from - step / 2, to + step / 2] },
          y: { range: (_, low, high) => (isBoots ? [0, Math.max(high, 1) * 1.1] : [Math.min(low, -1) * 1.1, Math.max(high, 1) * 1.1]) },
        },
        axes: [
          { ...axis, grid: { show: false }, space: 64, size: 28, incrs: (days ? [1, 2, 5, 10] : [1 / 12, 1 / 8, 1 / 4]).map((part) => part * 86400), values: (_, ticks) => ticks.map((tick) => name(zoned(tick))) },
          { ...axis, size: isBoots ? 60 : 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], values: (_, ticks) => ticks.map((tick) => (isBoots ? (tick < 120 ? `${tick} s` : `${Math.round(tick / 60)} min`) : Math.abs(tick))) },
        ],
        series: isBoots ? [{}, curve("p50", "good"), curve("p95", "bad")] : [
          {},
          bar("Ready", "good"),
          bar("Destroyed", "idle"),
          { label: "Failed", stroke: colour("bad"), paths: () => null, points: { show: true, size: 8, fill: colour("bad") } },
        ],
      },
      data,
      box,
    );
  }

  const sizes = new ResizeObserver(() => chart?.setSize({ width: box.clientWidth, height: HEIGHT }));

  function refresh() {
    const found = document.getElementById("chart");
    const data = read();
    const now = JSON.stringify(data);
    if (!found || (found === box && now === shown)) return;
    const moved = !chart || found !== box || !shown.startsWith(JSON.stringify(data[0].slice(0, 2)).slice(0, -1), 1);
    if (found !== box) {
      // If the fleet was empty, the chart arrives with a refresh.
      box = found;
      sizes.disconnect();
      sizes.observe(box);
    }
    shown = now;
    if (moved) draw();
    else chart.setData(data);
  }

  refresh();
  scheme.addEventListener("change", () => box && draw());
  document.addEventListener("fleet:theme", () => box && draw());
  document.addEventListener("fleet:changed", refresh);
}
