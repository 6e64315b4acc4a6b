// Shapes that tell kinds of things apart also without colour; one outline for the map and the legend.

import { svg } from "./dom.js";

const turned = (corners, turn = 0) =>
  Array.from({ length: corners }, (_, at) => {
    const angle = (2 * Math.PI * at) / corners + turn - Math.PI / 2;
    return [Math.cos(angle), Math.sin(angle)];
  });
const star = (points, inner) => turned(2 * points).map(([x, y], at) => (at % 2 ? [x * inner, y * inner] : [x, y]));

/** Outlines inside the unit circle. */
export const SHAPES = {
  square: turned(4, Math.PI / 4),
  triangle: turned(3),
  diamond: turned(4),
  hexagon: turned(6),
  down: turned(3, Math.PI),
  pentagon: turned(5),
  star: star(5, 0.45),
  cross: star(4, 0.4),
};

/** The shape as a picture for the map, at twice its size; only its outline if it is hollow. */
export function drawn(shape, colour, hollow = false, size = 11) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 4 * size;
  const pen = canvas.getContext("2d");
  pen.translate(2 * size, 2 * size);
  pen.beginPath();
  for (const [x, y] of SHAPES[shape]) pen.lineTo(x * 1.55 * size, y * 1.55 * size);
  pen.closePath();
  pen.lineJoin = "round";
  pen.lineWidth = hollow ? 11 : 6;
  pen.strokeStyle = "#ffffff";
  pen.stroke();
  if (hollow) {
    pen.lineWidth = 5;
    pen.strokeStyle = colour;
    pen.stroke();
  } else {
    pen.fillStyle = colour;
    pen.fill();
  }
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

/** The shape for a legend. */
export const shapeIcon = (shape, colour) => icon(shape, 7, { fill: colour, stroke: "#ffffff", "stroke-width": 1.5 });

/** Its outline for a legend, with a light edge, since the page may be dark. */
export const hollowIcon = (shape, colour) =>
  icon(shape, 7, { fill: "none", stroke: "#ffffff", "stroke-width": 4.5 }, { fill: "none", stroke: colour, "stroke-width": 2.2 });

function icon(shape, size, ...strokes) {
  const points = SHAPES[shape].map((corner) => corner.map((x) => (x * size).toFixed(2)).join()).join(" ");
  return svg(
    "svg",
    { class: "shape", viewBox: "-9 -9 18 18", "aria-hidden": "true" },
    ...strokes.map((stroke) => svg("polygon", { points, "stroke-linejoin": "round", ...stroke })),
  );
}
