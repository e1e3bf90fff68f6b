// What a page looks like, measured in the browser. `arguments[0]` lists what to look for: layout,
// pictures, formulas, contrast; each becomes a list of sentences, and an empty list is what the tests want.
const asked = new Set(arguments[0]);
const found = {};

const visible = (element) =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
  element.getClientRects().length > 0;
const named = (element) => {
  const classes = [...element.classList].map((name) => "." + name).join("");
  const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
  return `${element.localName}${classes} "${text}"`;
};

// Elements that reach over the right edge, but for those that scroll inside code, a table, a formula or
// the picture of a graph. A phone makes a wide page smaller: what counts is the width of the screen.
function layout() {
  const screen = window.screen.width;
  const page = document.scrollingElement.scrollWidth;
  const said = page > screen ? [`the page is ${page} px wide on a screen of ${screen} px`] : [];
  const shown = "pre, table, math, .output_html svg";
  const scrolls = (element) => element.matches(shown) || element.querySelector(shown);
  const clips = (element) => {
    for (let e = element.parentElement; e && e !== document.body; e = e.parentElement) {
      if (!["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX)) continue;
      if (scrolls(e)) return true;
    }
    return false;
  };
  for (const element of document.querySelectorAll("main *, .content *, article *")) {
    if (element.closest(".sidebar-drawer, .toc-drawer") || !visible(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.width > 1 && box.right > screen + 1 && !clips(element))
      said.push(`${named(element)} reaches to ${Math.round(box.right)} of ${screen} px`);
  }
  return said.slice(0, 5);
}

// Pictures of the lecture so much smaller than they were drawn that their letters cannot be read.
function pictures() {
  const said = [];
  for (const picture of document.querySelectorAll("img[srcset]")) {
    const share = picture.getBoundingClientRect().width / picture.naturalWidth;
    if (visible(picture) && share < 0.45)
      said.push(`${picture.getAttribute("src")} is shown at ${share.toFixed(2)} of its size`);
  }
  return said;
}

// Overlines above their letters, and equations below each other that meet at their "=".
function formulas() {
  const said = [];
  for (const over of document.querySelectorAll("math mover")) {
    const [letter, bar] = over.children;
    // docutils' macron is drawn through letters or above them, as the font likes.
    if (/[\u02c9\u00af]/.test(bar.textContent)) said.push(`the bar of ${named(over)} is a macron`);
    if (bar.textContent.trim() !== "\u203e" || !visible(over)) continue;
    const under = letter.getBoundingClientRect(), above = bar.getBoundingClientRect();
    const middle = (above.left + above.right - under.left - under.right) / 2;
    if (above.bottom > under.top + under.height / 3 || above.top >= under.top)
      said.push(`the bar of ${named(over)} lies in its letter`);
    if (Math.abs(middle) > 0.35 * Math.max(under.width, 6))
      said.push(`the bar of ${named(over)} is ${middle.toFixed(1)} px beside its letter`);
  }
  for (const table of document.querySelectorAll("math mtable.ams-align")) {
    const places = [...table.children].map((row) =>
      [...row.children].map((cell) => {
        const sign = cell.querySelector("mo");
        const begins = sign && cell.textContent.trim().startsWith(sign.textContent.trim());
        return begins && /[=≈≤≥→]/.test(sign.textContent) ? sign.getBoundingClientRect().left : null;
      }),
    );
    const columns = Math.max(0, ...places.map((row) => row.length));
    for (let column = 0; column < columns; column++) {
      const at = places.map((row) => row[column]).filter((x) => x != null);
      if (at.length && Math.max(...at) - Math.min(...at) > 1.5)
        said.push(`"=" of ${named(table)} stand at ${at.map((x) => x.toFixed(1)).join(", ")} px`);
    }
  }
  return said;
}

// Text whose contrast with what lies behind it is below WCAG's 4.5 : 1, or 3 : 1 where it is large.
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
function contrast() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (text) => {
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(text, [r, g, b, a / 255]);
    }
    return known.get(text);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]);
  const background = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const root = rgba(getComputedStyle(document.documentElement).backgroundColor);
    const canvasColour = root[3] > 0 ? root.slice(0, 3) : dark ? [0, 0, 0] : [255, 255, 255];
    return layers.reduceRight((below, top) => over(top, below), canvasColour);
  };
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const worst = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, style, noscript, svg, option")) continue;
    if (!visible(element)) continue;
    const style = getComputedStyle(element);
    const behind = background(element);
    const colour = over(rgba(style.color), behind);
    const key = `${colour} on ${behind} ${style.fontSize} ${style.fontWeight}`;
    if (worst.has(key)) continue;
    const [a, b] = [luminance(colour), luminance(behind)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    worst.set(key, ratio < (large ? 3 : 4.5) ? `${named(element)} has ${ratio.toFixed(2)} : 1` : null);
  }
  found.texts = (found.texts || 0) + worst.size;
  return [...worst.values()].filter((sentence) => sentence);
}

if (asked.has("layout")) found.layout = layout();
if (asked.has("pictures")) found.pictures = pictures();
if (asked.has("formulas")) found.formulas = formulas();
if (asked.has("contrast")) found.contrast = contrast();
const overlined = (over) => over.lastElementChild.textContent.trim() === "\u203e";
found.bars = [...document.querySelectorAll("math mover")].filter(overlined).length;
found.aligned = document.querySelectorAll("math mtable.ams-align").length;
return found;
