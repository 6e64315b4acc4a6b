// PMTiles from wherever this page was opened: a server with byte ranges, one without, or a folder on disk.

import { PMTiles } from "pmtiles";

/** A source of bytes for pmtiles. Over HTTP it asks for ranges; where it gets the whole file instead, it keeps it. */
class ArchiveBytes {
  #name;
  #whole = null;

  constructor(name) {
    this.#name = name;
  }

  getKey() {
    return this.#name;
  }

  async getBytes(offset, length, signal) {
    if (location.protocol === "file:") this.#whole ??= embedded(this.#name);
    if (!this.#whole) {
      const headers = { range: `bytes=${offset}-${offset + length - 1}` };
      const answer = await fetch(`data/${this.#name}.pmtiles`, { headers, signal });
      if (!answer.ok) throw new Error(`data/${this.#name}.pmtiles: the server answered ${answer.status}`);
      const data = await answer.arrayBuffer();
      if (answer.status === 206) return { data };
      this.#whole = Promise.resolve(data);
    }
    return { data: (await this.#whole).slice(offset, offset + length) };
  }
}

/** Load `data/<name>.js`, the archive as base64 text, by a script tag. @returns {Promise<ArrayBuffer>} */
function embedded(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `data/${name}.js`;
    script.onload = async () => {
      const text = globalThis.kilnscanData?.[name];
      if (!text) return reject(new Error(`data/${name}.js is empty`));
      delete globalThis.kilnscanData[name];
      resolve(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
    };
    script.onerror = () => reject(new Error(`data/${name}.js is missing`));
    document.head.append(script);
  });
}

/** Open an archive; null if it is not there, so that the rest of the map still works. */
export async function openArchive(name) {
  const archive = new PMTiles(new ArchiveBytes(name));
  try {
    await archive.getHeader();
    return archive;
  } catch (error) {
    console.warn(`The layer ${name} cannot be shown: ${error.message}`);
    return null;
  }
}
