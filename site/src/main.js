// Put the page together.

import "maplibre-gl/dist/maplibre-gl.css";
import "./look/page.css";
import "./look/cards.css";
import "./look/filters.css";
import "./look/table.css";
import "./look/dialog.css";
import "./look/phone.css";
import { kilns, meta } from "./data.js";
import { announce, byId } from "./dom.js";
import { makeAbout } from "./about.js";
import { makeFilters } from "./filters.js";
import { flyToKiln, makeMap } from "./map.js";
import { makePanel, openFacts } from "./panel.js";
import { copy, readAddress, writeAddress } from "./share.js";
import { change, state, title } from "./state.js";
import { makeTable } from "./table.js";

function head() {
  document.title = title;
  byId("title").textContent = title;
  byId("synthetic").hidden = !meta.synthetic;
  byId("credit").textContent = [...(meta.attribution ?? []), "Map: MapLibre"].join(" · ");
  byId("share-button").addEventListener("click", async ({ currentTarget: button }) => {
    const done = (await copy(location.href)) ? "Copied" : "Copying was refused";
    announce(done);
    button.textContent = done;
    setTimeout(() => (button.textContent = "Copy link"), 1500);
  });
}

async function start() {
  head();
  const view = readAddress();
  makePanel();
  makeAbout();
  const { map, archives } = await makeMap(view, openFacts);
  makeFilters(map, archives);
  makeTable(map);
  writeAddress(map);
  if (state.selected) {
    if (!view.center) flyToKiln(map, kilns.byId.get(state.selected));
    change({ selected: state.selected });
  }
  window.__map = map; // for tests
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  console.error(error);
  byId("status").className = "notice";
  announce(`The map cannot be shown: ${error.message}. The table of kilns is in the GeoPackage beside it.`);
});
