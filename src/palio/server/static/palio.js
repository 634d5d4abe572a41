"use strict";

// Draws the scores of all rounds. Everything else on the pages works without scripts.
(() => {
  const MOST = 8; // lines that can still be told apart
  const LONGEST = 24; // characters of a name beside a line

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const called = (board, digest) => {
    const name = board.names[digest] || digest.slice(0, 12);
    return name.length > LONGEST ? `${name.slice(0, LONGEST)}\u2026` : name;
  };

  // The champion first, then those that stand highest.
  const chosen = (board) => {
    const scored = new Set(board.history.flatMap((point) => Object.keys(point.scores)));
    const ordered = board.rows.map((row) => row.submission).filter((name) => scored.has(name));
    return [...new Set(ordered)].slice(0, MOST);
  };

  const crownRings = (board, names) => ({
    hooks: {
      draw: (plot) => {
        const context = plot.ctx;
        context.save();
        context.strokeStyle = colour("--gold");
        context.lineWidth = 3 * devicePixelRatio;
        for (const point of board.history) {
          const score = point.scores[point.champion];
          if (score === undefined || !names.includes(point.champion)) continue;
          const x = plot.valToPos(point.sync_block, "x", true);
          const y = plot.valToPos(score, "y", true);
          context.beginPath();
          context.arc(x, y, 8 * devicePixelRatio, 0, 2 * Math.PI);
          context.stroke();
        }
        context.restore();
      },
    },
  });

  const draw = (place, board) => {
    const names = chosen(board);
    const rounds = board.history.map((point) => point.sync_block);
    if (!names.length) return;
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const options = {
      width: place.clientWidth,
      height: 300,
      scales: {
        x: { time: false, range: (_, low, high) => { const free = (high - low) * 0.06 || 1; return [low - free, high + free]; } },
        y: { range: (_, low, high) => { const free = (high - low) * 0.15 || 0.05; return [low - free, high + free]; } },
      },
      axes: [
        { ...axis, label: "round (block)", labelSize: 22, splits: rounds.length <= 12 ? () => rounds : undefined },
        { ...axis, label: "score", labelSize: 22, size: 58 },
      ],
      series: [
        { label: "round" },
        ...names.map((name, place_) => ({
          label: called(board, name),
          stroke: colour(`--t${place_}`),
          width: name === board.champion ? 3 : 1.75,
          spanGaps: true,
          points: { show: true, size: 7, fill: colour(`--t${place_}`) },
          value: (_, score) => (score == null ? "-" : score.toFixed(4)),
        })),
      ],
      plugins: [crownRings(board, names)],
    };
    const data = [rounds, ...names.map((name) => board.history.map((point) => point.scores[name] ?? null))];
    place.replaceChildren();
    return new uPlot(options, data, place);
  };

  const start = async () => {
    const place = document.getElementById("history");
    if (!place) return;
    let seen = 0;
    let board;
    let plot;
    const load = async () => {
      const answer = await fetch(place.dataset.board);
      if (!answer.ok) return;
      board = await answer.json();
      if (board.history.length === seen) return;
      seen = board.history.length;
      plot = draw(place, board);
    };
    await load();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { plot = draw(place, board); });
    addEventListener("resize", () => plot && plot.setSize({ width: place.clientWidth, height: 300 }));
    setInterval(load, 10_000);
  };

  addEventListener("DOMContentLoaded", start);
})();
