// A stream of known length, sent by tus 1.0 in pieces. A piece that broke off goes on from where the portal has it, so
// that no byte is sealed twice.
const PIECE = 4 * 1024 * 1024;
const TRIES = 8;
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// A path of the portal that served this script, which may stand behind another path.
export function here(path) {
  return new URL(`..${path}`, import.meta.url).pathname;
}

async function call(method, address, code, headers, body) {
  const all = { "Tus-Resumable": "1.0.0", "Handover-Link": code, ...headers };
  const response = await fetch(address, { method, headers: all, body });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const error = new Error(problem.title || `The portal answered ${response.status}.`);
  error.final = response.status < 500 && ![408, 409, 423, 429, 460].includes(response.status);
  throw error;
}

async function stubbornly(work) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      if (error.final || tried >= TRIES) throw error;
      await pause(Math.min(30, 2 ** tried / 2));
    }
  }
}

async function put(address, code, start, piece) {
  let offset = start;
  let broke = false;
  await stubbornly(async () => {
    if (broke) {
      const head = await call("HEAD", address, code, {});
      offset = Number(head.headers.get("Upload-Offset"));
    }
    broke = true;
    if (offset >= start + piece.size) return;
    const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    await call("PATCH", address, code, headers, piece.slice(offset - start));
  });
  return start + piece.size;
}

// The upload's address once all `size` bytes of `stream` are there. `told` hears how many are.
export async function send(stream, size, code, told) {
  const made = await stubbornly(() => call("POST", here("/v1/uploads"), code, { "Upload-Length": String(size) }));
  const address = new URL(made.headers.get("Location")).pathname;
  let offset = 0;
  let parts = [];
  let held = 0;
  const flush = async () => {
    offset = await put(address, code, offset, new Blob(parts));
    [parts, held] = [[], 0];
    told(offset);
  };
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    held += next.value.length;
    if (held >= PIECE) await flush();
  }
  if (held) await flush();
  return address;
}
