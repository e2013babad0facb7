#!/usr/bin/env node
// A receiver of Protime's events: Node 18 or newer, standard library only.
//
//   receiver.js PORT JOURNAL file KEY_FILE          reads the key from the daemon's key file, for every event
//   receiver.js PORT JOURNAL verify SOCKET WEBHOOK  asks the daemon about every event and never has a key
//   receiver.js PORT JOURNAL watch SOCKET WEBHOOK   holds the key, and is told by the daemon when there is a new one
//
// SOCKET is the daemon's control socket, WEBHOOK is TENANT/NAME. JOURNAL is where events are kept, one a line.

"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
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
      return [await fs.promises.readFile(path)];
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

/** Keeps events, one a line, and knows the newest version of every object. In your receiver this is a database. */
class Journal {
  constructor(path) {
    this.file = fs.openSync(path, "a+");
    const text = fs.readFileSync(path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    fs.ftruncateSync(this.file, Buffer.byteLength(whole)); // a crash in the middle of a line: it was never answered for
    this.versions = new Map();
    for (const line of whole.split("\n").filter((line) => line)) {
      const { id, version } = JSON.parse(line);
      this.versions.set(id, version);
    }
  }

  /** Stores an object durably, unless a version that is as new is there already. */
  keep({ changeType, data }) {
    const gone = { InsertOrUpdate: false, Delete: true }[changeType];
    const { id, changeVersion: version } = data ?? {};
    if (gone === undefined || typeof id !== "string" || typeof version !== "string") {
      throw new SyntaxError("not an event of a known kind with an id and a changeVersion");
    }
    if (this.versions.has(id) && version <= this.versions.get(id)) return;
    fs.writeSync(this.file, JSON.stringify({ id, version, gone, data }) + "\n");
    fs.fsyncSync(this.file);
    this.versions.set(id, version); // that of a deleted object, too
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
  try {
    journal.keep(JSON.parse(body.toString()));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    console.error(`a genuine event that is not understood: ${error.message}`);
    return 422;
  }
  return 204;
}

const [port, path, way, ...rest] = process.argv.slice(2);
const judge = { file: keyFile, verify, watch }[way](...rest);
const journal = new Journal(path);
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
