// Contrast (WCAG 2.2) of the page's main kinds of text against the first opaque ground behind them.
() => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      const alpha = channels(colour)[3];
      if (alpha === undefined || alpha === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const kinds = ["body", ".lead", ".hero .muted", ".eyebrow", ".pill", ".sentence", ".sub", "thead th", "a", ".code"];
  return Object.fromEntries(
    kinds.flatMap((kind) =>
      [...document.querySelectorAll(kind)].map((element, number) => {
        const [one, other] = [getComputedStyle(element).color, ground(element)].map(luminance);
        return [`${kind} ${number}`, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
      }),
    ),
  );
}
