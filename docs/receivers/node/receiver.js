#!/usr/bin/env node
// A receiver of Protime's events: Node 18 or newer, standard library only.
//
//   receiver.js PORT JOURNAL file KEY_FILE          reads the key from the daemon's key file, for every event
//   receiver.js PORT JOURNAL verify SOCKET WEBHOOK  asks the daemon about every event and never has a key
//   receiver.js PORT JOURNAL watch SOCKET WEBHOOK   holds the key, and is told by the daemon when there is a new one
//
// SOCKET is the daemon's control socket, WEBHOOK is TENANT/NAME. JOURNAL is where events are kept, one a line:
// those of one collection.

"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const { dirname, resolve } = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const PATIENCE = 5_000; // ms that an event may be ahead of its key
const GRACE = 60_000; // ms that the previous key is good for
const LARGEST = 10 * 1024 * 1024; // bytes

const GENUINE = 204, REFUSED = 401, TOO_LARGE = 413, TRY_LATER = 503;

/** Whether `authorization` was made with `key` over exactly the bytes of `body`. */
function signed(key, authorization, body) {
  const signature = crypto.createHmac("sha256", key).update(body).digest("base64");
  const right = Buffer.from(`HMAC-SHA256 ${signature}`);
  const given = Buffer.from(authorization);
  return right.length === given.length && crypto.timingSafeEqual(right, given);
}

/** Looks at the keys again and again for a while: an event can be ahead of its key. */
async function patiently(keys, authorization, body) {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const known = await keys();
    if (known.some((key) => signed(key, authorization, body))) return GENUINE;
    if (performance.now() >= deadline || !authorization.startsWith("HMAC-SHA256 ")) {
      return known.length > 0 ? REFUSED : TRY_LATER;
    }
    await sleep(100);
  }
}

/** Way 1: the key file. */
function keyFile(path) {
  const keys = async () => {
    try {
      const key = await fs.promises.readFile(path);
      return key.length > 0 ? [key] : []; // anyone can sign with an empty key
    } catch (error) {
      if (error.code === "ENOENT") return []; // no webhook yet
      throw error;
    }
  };
  return (authorization, body) => patiently(keys, authorization, body);
}

/** One request to the daemon over its Unix socket. */
function ask(socketPath, options, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, agent: false, timeout: 60_000, ...options }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, body: Buffer.concat(parts).toString() }));
      answer.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    request.end(body);
  });
}

/** Way 2: the daemon judges every event. */
function verify(socketPath, webhook) {
  return async (authorization, body) => {
    let answer;
    try {
      const options = { method: "POST", path: `/v1/webhooks/${webhook}/verify`, headers: { authorization } };
      answer = await ask(socketPath, options, body);
    } catch (error) {
      console.error(`the daemon does not answer: ${error.message}`);
      return TRY_LATER;
    }
    if ([GENUINE, REFUSED, TOO_LARGE].includes(answer.status)) return answer.status;
    // 503: no key yet. 404: the daemon knows no such webhook, which is our mistake and not the sender's.
    console.error(`the daemon cannot judge: ${answer.status} ${answer.body}`);
    return TRY_LATER;
  };
}

/** Way 3: waits for the next key beside everything else. */
function watch(socketPath, webhook) {
  let current = null, previous = null, previousUntil = 0;
  (async () => {
    for (let version = 0; ; ) {
      try {
        const answer = await ask(socketPath, { path: `/v1/webhooks/${webhook}/key?after=${version}&wait=30s` });
        if (answer.status === 200) {
          const found = JSON.parse(answer.body);
          version = found.version;
          current = found.key;
          previous = found.previous && found.previous.key;
          previousUntil = performance.now() + GRACE;
          console.log(`key version ${version} since ${found.rotated_at}`);
        } else if (answer.status !== 304) {
          throw new Error(`${answer.status} ${answer.body}`);
        }
      } catch (error) {
        console.error(`the daemon gives no key (${error.message}); trying again`);
        version = 0; // its state may have been restored from a backup: take whatever key it has
        await sleep(1_000);
      }
    }
  })();
  const keys = async () => [current, performance.now() < previousUntil ? previous : null].filter((key) => key);
  return (authorization, body) => patiently(keys, authorization, body);
}

/** An event as it matters for keeping it; throws a SyntaxError if it is not one that is known. */
function understood(body) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new SyntaxError("it is not UTF-8");
  }
  const { changeType, data } = JSON.parse(text) ?? {};
  const { id: value, changeVersion, status } = data ?? {};
  // A clocking can also be deleted by an InsertOrUpdate with this status.
  const gone = changeType === "Delete" || status === "Deleted";
  // The id stays as JSON wrote it: a number of JavaScript would round a long one.
  const id = typeof value === "number" ? digits(text) : JSON.stringify(value);
  const version = changeVersion ?? ""; // without a version it is newer than what is known
  const named = (typeof value === "string" && value) || (typeof value === "number" && /^-?\d+$/.test(id));
  if (!["InsertOrUpdate", "Delete"].includes(changeType) || !named || typeof version !== "string") {
    throw new SyntaxError("not an event of a known kind with an id");
  }
  // Only white space between the tokens of JSON can hold a line's end.
  return { id, version, gone, event: text.replace(/[\r\n]/g, " ") };
}

/** The digits of `data.id` in a text of JSON that is known to be good. */
function digits(text) {
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
  return JSON.parse(text.replace(tokens, (token) => (token[0] === '"' ? token : JSON.stringify(token)))).data.id;
}

/** The first digits of a line's SHA-256: they tell a damaged line from a whole one. */
const sum = (text) => crypto.createHash("sha256").update(text).digest("hex").slice(0, 16);

/**
 * Keeps events, one a line, and knows the newest version of every object. In your receiver this is a database.
 * A line is a sum, a space, and JSON.
 */
class Journal {
  constructor(path) {
    this.file = fs.openSync(path, "a+", 0o600);
    const bytes = fs.readFileSync(path);
    this.length = bytes.lastIndexOf(0x0a) + 1; // behind it: half a line, of a crash; it was never answered for
    this.versions = new Map();
    for (const [index, line] of bytes.toString("utf8", 0, this.length).split("\n").slice(0, -1).entries()) {
      const text = line.slice(17);
      if (line !== `${sum(text)} ${text}`) {
        throw new Error(`the journal '${path}' is damaged in line ${index + 1}, and was left as it is: repair it, or ` +
          "move it away and have everything resynchronised");
      }
      const { id, version } = JSON.parse(text);
      this.remember(id, version);
    }
    this.unclean = true;
    this.clean();
    fs.fsyncSync(this.file); // a line may have been written, but not to the disk, when this program ended
    const folder = fs.openSync(dirname(resolve(path)));
    fs.fsyncSync(folder);
    fs.closeSync(folder);
  }

  /** Stores an object durably, unless a version that is as new is there already. */
  keep({ id, version, gone, event }) {
    if (version !== "" && this.versions.has(id) && version <= this.versions.get(id)) return;
    this.clean();
    const text = `${JSON.stringify({ id, version, gone }).slice(0, -1)},"event":${event}}`;
    const line = Buffer.from(`${sum(text)} ${text}\n`);
    this.unclean = true;
    // The system may take less than it is given, and says so only by the number.
    for (let done = 0; done < line.length; ) done += fs.writeSync(this.file, line, done);
    fs.fsyncSync(this.file);
    this.unclean = false;
    this.length += line.length;
    this.remember(id, version);
  }

  /** Takes away what a failure left behind the last whole line: nothing may be appended to half a line. */
  clean() {
    if (this.unclean) fs.ftruncateSync(this.file, this.length);
    this.unclean = false;
  }

  /** The greatest version, that of a deleted object, too. */
  remember(id, version) {
    if (version >= (this.versions.get(id) ?? "")) this.versions.set(id, version);
  }
}

/** The raw body, or null if it is too large. */
async function raw(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LARGEST) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function receive(request, judge, journal) {
  if (request.method !== "POST") return 405;
  const body = await raw(request);
  if (body === null) return TOO_LARGE;
  const verdict = await judge(request.headers.authorization ?? "", body);
  if (verdict !== GENUINE) return verdict;
  let event;
  try {
    event = understood(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    console.error(`a genuine event that is not understood: ${error.message}`);
    return 422;
  }
  journal.keep(event);
  return 204;
}

const [port, path, way, ...rest] = process.argv.slice(2);
const judge = { file: keyFile, verify, watch }[way](...rest);
let journal;
try {
  journal = new Journal(path);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
http
  .createServer(async (request, response) => {
    try {
      response.statusCode = await receive(request, judge, journal);
    } catch (error) {
      console.error(`an event could not be stored: ${error.message}`);
      response.statusCode = TRY_LATER;
    }
    response.end();
  })
  .listen(Number(port), "127.0.0.1");
