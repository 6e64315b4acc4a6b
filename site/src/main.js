// Put the page together.

import "maplibre-gl/dist/maplibre-gl.css";
import "./look/page.css";
import "./look/cards.css";
import "./look/filters.css";
import "./look/sheets.css";
import "./look/table.css";
import "./look/dialog.css";
import "./look/phone.css";
import "./look/print.css";
import { kilns, meta, site } from "./data.js";
import { announce, byId, el } from "./dom.js";
import { makeAbout } from "./about.js";
import { makeAround, moveTo, open as openAround } from "./around.js";
import { makeFilters } from "./filters.js";
import { flyToKiln, makeMap } from "./map.js";
import { makePanel, onHide, openFacts } from "./panel.js";
import { copied, readAddress, readSourceFilters, speakLanguage, writeAddress } from "./share.js";
import { change, state, subscribe, title } from "./state.js";
import { makeTable } from "./table.js";
import { language, languages, speak, t } from "./words.js";

function head() {
  speak(document);
  document.title = title;
  byId("title").textContent = title;
  byId("synthetic").hidden = !meta.synthetic;
  byId("coarse").hidden = !meta.public;
  byId("share-button").addEventListener("click", async ({ currentTarget: button }) => {
    const said = await copied(location.href);
    announce(said);
    button.textContent = said;
    setTimeout(() => (button.textContent = t("copy.link")), 1500);
  });
}

/** Who must be named, and for what is on the screen. */
function credit() {
  const tiles = state.base === "satellite" ? [site.satellite?.attribution] : [];
  byId("credit").textContent = [...tiles, ...(meta.attribution ?? []), t("credit.map")].filter(Boolean).join(" · ");
}

/** The page follows the background that was chosen, else what the machine is set to. */
function colour() {
  const { base } = state;
  document.documentElement.dataset.theme = base === "light" || base === "dark" ? base : "";
}

function languageMenu(map) {
  const select = byId("language");
  select.append(...languages.map(({ code, name }) => el("option", { value: code, lang: code }, name)));
  select.value = language.code;
  select.hidden = languages.length < 2;
  select.addEventListener("change", () => speakLanguage(map, select.value));
}

async function start() {
  head();
  makeAbout();
  const view = readAddress();
  const look = () => {
    credit();
    colour();
  };
  subscribe((changed) => changed.has("base") && look());
  look();
  const map = await makeMap(view, (kind, properties) =>
    kind === "around" ? moveTo(properties) : openFacts(kind, properties),
  );
  window.__map = map; // for tests
  makePanel(map);
  change(readSourceFilters());
  makeFilters(map);
  makeTable(map);
  makeAround(map);
  languageMenu(map);
  writeAddress(map);
  onHide(() => byId("evidence").replaceChildren());
  if (state.around) openAround(map);
  else if (state.selected) {
    if (!view.center) flyToKiln(map, kilns.rowOf.get(state.selected));
    change({ selected: state.selected });
  }
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  console.error(error);
  byId("status").className = "notice";
  announce(t("failed", { error: error.message }));
});
